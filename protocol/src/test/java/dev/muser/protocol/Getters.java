package dev.muser.protocol;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;

/** Calls every validation of every message on the same bytes and, after a 0, every getter. */
final class Getters {
    private static final int[] VECTORS = {1, 32, 8, 1, 1};

    private final DmaMap map = new DmaMap();
    private final DmaUnmap unmap = new DmaUnmap();
    private final GetInfo info = new GetInfo();
    private final IrqInfo irq = new IrqInfo();
    private final SetIrqs set = new SetIrqs();
    private final RegionAccess access = new RegionAccess();
    private final DmaAccess dma = new DmaAccess();
    private final RegionWriteMulti multi = new RegionWriteMulti();
    private final RegionInfo region = new RegionInfo();
    private final RegionCapabilities caps = new RegionCapabilities();
    private final RegionIoFds ioFds = new RegionIoFds();
    private final MigData migData = new MigData();
    private final DeviceFeature feature = new DeviceFeature();
    private final MigrationFeature migration = new MigrationFeature();
    private final MigDeviceState state = new MigDeviceState();
    private final DmaLoggingStart start = new DmaLoggingStart();
    private final DmaLoggingReport report = new DmaLoggingReport();
    private final VersionMessage version = new VersionMessage();
    private final Header header = new Header();
    private final Map<String, Integer> accepted = new TreeMap<>();
    private long sink;

    /** How often each validation said 0. */
    Map<String, Integer> accepted() {
        return accepted;
    }

    /** A sum of all that was read, without which the reads could be left out. */
    long sum() {
        return sink;
    }

    private boolean ok(String what, int errno) {
        if (errno != 0 && errno != Wire.EINVAL) {
            throw new IllegalStateException(what + " returned " + errno);
        }
        accepted.merge(what, errno == 0 ? 1 : 0, Integer::sum);
        return errno == 0;
    }

    void readAll(MemorySegment s, int length, SplittableRandom random) {
        int fds = random.nextInt(3);
        readDma(s, length, fds);
        readQueries(s, length, fds);
        readAccesses(s, length);
        readRegions(s, length, fds);
        readMigration(s, length);
        if (length >= Header.SIZE) {
            header.wrap(s, 0);
            sink += header.validate(1 << 20) + header.messageId() + header.command();
            sink += header.size() + header.errno() + header.rawErrno() + header.type();
        }
    }

    private void readDma(MemorySegment s, int length, int fds) {
        map.wrap(s, 0, length);
        if (ok("map", map.validateRequest(fds))) {
            sink += map.flags() + map.fileOffset() + map.address() + map.size();
        }
        unmap.wrap(s, 0, length);
        if (ok("unmap", unmap.validateRequest(1 << 20))) {
            sink += unmap.address() + unmap.size() + unmap.replyLength();
            var reply = MemorySegment.ofArray(new byte[DmaUnmap.BITMAP]);
            sink += DmaUnmap.encodeReply(reply, 0, unmap);
        }
        ok("unmap reply", unmap.validateReply(0, 0x1000, 0x1000, 0));
        ok("unmap reply with bitmap", unmap.validateReply(1, 0x1000, 0x1000, 8));
    }

    private void readQueries(MemorySegment s, int length, int fds) {
        version.wrap(s, 0, length);
        if (ok("version", version.validateRequest())) {
            sink += version.minor() + version.jsonLength() + version.jsonOffset();
        }
        info.wrap(s, 0, length);
        if (ok("info", info.validateRequest()) && ok("info reply", info.validateReply(9, 5))) {
            sink += info.flags() + info.regionCount() + info.irqCount();
        }
        irq.wrap(s, 0, length);
        if (ok("irq", irq.validateRequest(5)) && ok("irq reply", irq.validateReply(0, 8))) {
            sink += irq.flags() + irq.index() + irq.count();
        }
        set.wrap(s, 0, length);
        if (ok("set", set.validateRequest(VECTORS, fds))) {
            sink += set.action() + set.start() + set.count() + VECTORS[set.index()];
            for (int i = 0; set.dataType() == SetIrqs.DATA_BOOL && i < set.count(); i++) {
                sink += set.bool(i) ? 1 : 0;
            }
        }
    }

    private void readAccesses(MemorySegment s, int length) {
        access.wrap(s, 0, length);
        if (ok("read", access.validateReadRequest(9, 4096))) {
            sink += access.regionOffset() + access.region() + (access.isWithin(64) ? 1 : 0);
        }
        if (ok("write", access.validateWriteRequest(9, 4096))) {
            sink += s.asSlice(access.dataOffset(), access.count()).byteSize();
        }
        if (ok("read reply", access.validateReadReply(0, 0, 4))) {
            sink += access.count() == 0 ? 0 : s.asSlice(16, access.count()).byteSize();
        }
        ok("write reply", access.validateWriteReply(0, 0, 4));
        dma.wrap(s, 0, length);
        if (ok("dma read", dma.validateReadRequest(4096))) {
            sink += dma.address() + dma.count();
        }
        if (ok("dma write", dma.validateWriteRequest(4096))
                && ok("dma read reply", dma.validateReadReply(0x1000, 4))) {
            sink += s.asSlice(dma.dataOffset(), dma.count()).byteSize();
        }
        ok("dma write reply", dma.validateWriteReply(0x1000, 4));
        multi.wrap(s, 0, length);
        if (ok("multi", multi.validateRequest(9))) {
            for (int i = 0; i < multi.writes(); i++) {
                sink += multi.regionOffset(i) + multi.region(i);
                sink += s.asSlice(multi.dataOffset(i), multi.count(i)).byteSize();
            }
        }
        ok("multi reply", multi.validateReply(3));
    }

    private void readRegions(MemorySegment s, int length, int fds) {
        region.wrap(s, 0, length);
        ok("region", region.validateRequest(9));
        if (ok("region reply", region.validateReply(0, 256, fds))) {
            sink += region.size() + region.mmapOffset() + region.argsz();
            caps.of(region);
            while (caps.next()) {
                sink += caps.version();
                if (caps.id() == RegionCapabilities.TYPE) {
                    sink += caps.type() + caps.subtype();
                }
                boolean sparse = caps.id() == RegionCapabilities.SPARSE_MMAP;
                for (int i = 0; sparse && i < caps.areaCount(); i++) {
                    sink += caps.areaOffset(i) + caps.areaSize(i);
                }
            }
        }
        ioFds.wrap(s, 0, length);
        ok("io fds", ioFds.validateRequest(9));
        if (ok("io fds reply", ioFds.validateReply(0, 256, fds)) && !ioFds.isTruncated()) {
            for (int i = 0; i < ioFds.count(); i++) {
                sink += ioFds.partOffset(i) + ioFds.partSize(i) + ioFds.fdIndex(i);
                sink += ioFds.type(i) + ioFds.flags(i) + ioFds.shadowFdIndex(i);
                sink += ioFds.shadowOffset(i) + ioFds.datamatch(i);
            }
        }
    }

    private void readMigration(MemorySegment s, int length) {
        migData.wrap(s, 0, length);
        ok("mig read", migData.validateReadRequest(4096));
        if (ok("mig write", migData.validateWriteRequest(4096))) {
            sink += s.asSlice(migData.dataOffset(), migData.size()).byteSize();
        }
        if (ok("mig read reply", migData.validateReadReply(64))) {
            sink += s.asSlice(migData.dataOffset(), migData.size()).byteSize();
        }
        feature.wrap(s, 0, length);
        if (ok("feature", feature.validateRequest())) {
            sink += feature.feature() + feature.method() + feature.room();
            sink += s.asSlice(feature.dataOffset(), feature.dataLength()).byteSize();
        }
        migration.wrap(s, 0, length);
        if (ok("migration", migration.validateReply())) {
            sink += migration.flags();
        }
        state.wrap(s, 0, length);
        if (ok("state", state.validateRequest())) {
            sink += state.state() + state.dataFd();
        }
        start.wrap(s, 0, length);
        if (ok("start", start.validateRequest())) {
            for (int i = 0; i < start.rangeCount(); i++) {
                sink += start.iova(i) + start.rangeLength(i);
            }
        }
        report.wrap(s, 0, length);
        if (ok("report", report.validateRequest(4096, 4096))) {
            sink += report.iova() + report.bitmapBytes();
        }
        if (ok("report reply", report.validateReply(0x1000, 0x1000, 4096))) {
            sink += s.asSlice(report.bitmapOffset(), report.bitmapBytes()).byteSize();
        }
    }
}
