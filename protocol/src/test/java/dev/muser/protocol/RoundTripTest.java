package dev.muser.protocol;

import static dev.muser.protocol.Bytes.AT;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/** What was encoded is what is decoded, and a receiver takes it: 10,000 cases a message. */
class RoundTripTest {
    private final MemorySegment room = Bytes.room();

    private static void same(long actual, long expected) {
        if (actual != expected) {
            assertThat(actual).isEqualTo(expected);
        }
    }

    @Test
    void shouldKeepHeaders() {
        var header = new Header();
        RandomWalk.check(walk -> {
            int id = walk.upTo(0xffff);
            int command = walk.upTo(0xffff);
            long size = walk.u32();
            boolean noReply = walk.coin();
            Header.encodeCommand(room, AT, id, command, size, noReply);
            header.wrap(room, AT);
            same(header.messageId(), id);
            same(header.command(), command);
            same(header.size(), size);
            assertThat(header.noReply()).isEqualTo(noReply);
            same(header.validate(0xffffffffL), size < 16 ? Header.TOO_SMALL : Header.OK);
            int errno = 1 + walk.upTo(4095);
            Header.encodeError(room, AT, id, command, errno);
            same(header.errno(), errno);
            same(header.size(), 16);
        });
    }

    @Test
    void shouldKeepDmaMapAndUnmap() {
        var map = new DmaMap();
        var unmap = new DmaUnmap();
        RandomWalk.check(walk -> {
            long offset = walk.u64();
            long address = walk.u64();
            long size = walk.u64();
            int flags = walk.upTo(3);
            map.wrap(room, AT, DmaMap.encodeRequest(room, AT, flags, offset, address, size));
            // Independent of the code under test: in whole numbers without a limit.
            var end = Unsigned.of(address).add(Unsigned.of(size));
            boolean good = size != 0 && end.compareTo(Unsigned.TWO_64) <= 0;
            same(map.validateRequest(0), good ? 0 : 22);
            same(map.flags(), flags);
            same(map.fileOffset(), offset);
            same(map.address(), address);
            same(map.size(), size);

            int length = DmaUnmap.encodeRequest(room, AT, 0, address, size);
            unmap.wrap(room, AT, length);
            same(unmap.validateRequest(1 << 20), 0);
            unmap.wrap(room, AT, DmaUnmap.encodeReply(room, AT, unmap));
            same(unmap.validateReply(0, address, size, 0), 0);
            same(unmap.address(), address);
            same(unmap.size(), size);
        });
    }

    @Test
    void shouldCountBitmapsAsWholeNumbersDo() {
        RandomWalk.check(walk -> {
            long size = walk.u64();
            int shift = walk.upTo(63);
            var pages = Unsigned.divideUp(Unsigned.of(size), Unsigned.of(1L << shift));
            var words = Unsigned.divideUp(pages, Unsigned.of(64));
            assertThat(Unsigned.of(Wire.bitmapBytes(size, 1L << shift)))
                    .isEqualTo(words.multiply(Unsigned.of(8)));
            long start = walk.u64();
            long limit = walk.u64();
            var end = Unsigned.of(start).add(Unsigned.of(size));
            assertThat(Wire.within(start, size, limit))
                    .isEqualTo(end.compareTo(Unsigned.of(limit)) <= 0);
        });
    }

    @Test
    void shouldKeepTheQueries() {
        var info = new GetInfo();
        var irq = new IrqInfo();
        RandomWalk.check(walk -> {
            int flags = (int) walk.u32();
            int index = walk.upTo(4);
            int count = walk.upTo(2048);
            info.wrap(room, AT, GetInfo.encodeReply(room, AT, flags, count, index));
            same(info.validateReply(2048, 4), 0);
            same(info.flags(), flags);
            same(info.regionCount(), count);
            same(info.irqCount(), index);
            irq.wrap(room, AT, IrqInfo.encodeReply(room, AT, flags, index, count));
            same(irq.validateReply(index, 2048), 0);
            same(irq.flags(), flags);
            same(irq.count(), count);
        });
    }

    @Test
    void shouldKeepRegionsWhateverTheClientTakes() {
        var writer = new RegionInfoWriter();
        var info = new RegionInfo();
        var caps = new RegionCapabilities();
        RandomWalk.check(walk -> {
            int argsz = 32 + walk.upTo(300);
            int areas = walk.upTo(8);
            boolean typed = walk.coin();
            writer.start(room, AT, 1024, argsz, 3, 7, -1, 0x1000);
            if (typed) {
                writer.type(5, 6);
            }
            writer.sparseMmap(areas);
            for (int i = 0; i < areas; i++) {
                writer.area(i * 0x1000L, 0x1000);
            }
            int length = writer.finish();
            int full = 32 + (typed ? 16 : 0) + 16 + 16 * areas;
            same(length, Math.min(argsz, full));
            info.wrap(room, AT, length);
            same(info.validateReply(3, argsz, 0), 0);
            same(info.argsz(), full);
            assertThat(info.isTruncated()).isEqualTo(argsz < full);
            assertThat(caps.of(info).next()).isEqualTo(argsz >= full);
            if (argsz >= full) {
                if (typed) {
                    same(caps.subtype(), 6);
                    assertThat(caps.next()).isTrue();
                }
                same(caps.areaCount(), areas);
                for (int i = 0; i < areas; i++) {
                    same(caps.areaOffset(i), i * 0x1000L);
                }
            }
        });
    }

    @Test
    void shouldKeepAccesses() {
        var region = new RegionAccess();
        var dma = new DmaAccess();
        RandomWalk.check(walk -> {
            long offset = walk.u64();
            int index = walk.upTo(8);
            int count = walk.upTo(1024);
            region.wrap(room, AT, RegionAccess.encode(room, AT, offset, index, count));
            same(region.validateReadRequest(9, 1024), 0);
            same(region.regionOffset(), offset);
            same(region.region(), index);
            same(region.count(), count);
            same(region.validateWriteReply(offset, index, count), 0);
            region.wrap(room, AT, 16 + count);
            same(region.validateWriteRequest(9, 1024), 0);
            same(region.validateReadReply(offset, index, count), 0);

            long address = walk.u64() >>> 1;
            dma.wrap(room, AT, DmaAccess.encode(room, AT, address, count) + count);
            same(dma.validateReadRequest(1024), 0);
            same(dma.validateWriteRequest(1024), 0);
            same(dma.validateReadReply(address, count), 0);
            same(dma.address(), address);
            same(dma.count(), count);
        });
    }

    @Test
    void shouldKeepManyWritesInOneMessage() {
        var multi = new RegionWriteMulti();
        RandomWalk.check(walk -> {
            int writes = walk.upTo(30);
            long offset = walk.u64();
            int count = walk.upTo(8);
            long value = walk.u64();
            int length = RegionWriteMulti.encodeRequest(room, AT, writes);
            for (int i = 0; i < writes; i++) {
                RegionWriteMulti.encodeWrite(room, AT, i, offset + i, i % 9, count, value + i);
            }
            multi.wrap(room, AT, length);
            same(multi.validateRequest(9), 0);
            same(multi.writes(), writes);
            for (int i = 0; i < writes; i++) {
                same(multi.regionOffset(i), offset + i);
                same(multi.region(i), i % 9);
                same(multi.count(i), count);
                same(Wire.u64(room, multi.dataOffset(i)), value + i);
            }
        });
    }

    @Test
    void shouldKeepIrqSets() {
        var set = new SetIrqs();
        int[] vectors = {1, 32, 2048, 1, 1};
        RandomWalk.check(walk -> {
            int start = walk.upTo(1023);
            int count = 1 + walk.upTo(1023);
            int data = 1 << walk.upTo(2);
            int action = 8 << walk.upTo(2);
            int length = SetIrqs.encodeRequest(room, AT, data | action, 2, start, count);
            if (data == SetIrqs.DATA_BOOL) {
                for (int i = 0; i < count; i++) {
                    SetIrqs.encodeBool(room, AT, i, (i & 2) == 0);
                }
            }
            set.wrap(room, AT, length);
            int fds = data == SetIrqs.DATA_EVENTFD ? count : 0;
            same(set.validateRequest(vectors, fds), 0);
            same(set.dataType(), data);
            same(set.action(), action);
            same(set.start(), start);
            same(set.count(), count);
            if (data == SetIrqs.DATA_BOOL) {
                assertThat(set.bool(count - 1)).isEqualTo(((count - 1) & 2) == 0);
            }
        });
    }

    @Test
    void shouldKeepIoFdsAndMigrationMessages() {
        var fds = new RegionIoFds();
        var data = new MigData();
        var report = new DmaLoggingReport();
        RandomWalk.check(walk -> {
            int count = walk.upTo(20);
            int argsz = 16 + walk.upTo(1000);
            long value = walk.u64();
            int length = RegionIoFds.encodeReply(room, AT, argsz, 4, count);
            boolean fits = 16 + 48 * count <= argsz;
            same(length, fits ? 16 + 48 * count : 16);
            for (int i = 0; fits && i < count; i++) {
                RegionIoFds.encodeEntry(room, AT, i, value, i, i, 0, 3, -1, 0, value + i);
            }
            fds.wrap(room, AT, length);
            same(fds.validateReply(4, argsz, fits ? count : 0), 0);
            same(fds.count(), count);
            assertThat(fds.isTruncated()).isEqualTo(!fits);
            for (int i = 0; fits && i < count; i++) {
                same(fds.partOffset(i), value);
                same(fds.fdIndex(i), i);
                same(fds.datamatch(i), value + i);
            }

            int size = walk.upTo(2048);
            data.wrap(room, AT, MigData.encode(room, AT, size) + size);
            same(data.validateReadRequest(2048), 0);
            same(data.validateWriteRequest(2048), 0);
            same(data.validateReadReply(size), 0);
            same(data.size(), size);

            long pages = 1L + walk.upTo(5000);
            long iova = walk.u64() >>> 1;
            DmaLoggingReport.encode(room, AT, iova, pages * 4096, 4096);
            report.wrap(room, AT, 24);
            same(report.validateRequest(2000, 2000), 0);
            report.wrap(room, AT, 24 + report.bitmapBytes());
            same(report.validateReply(iova, pages * 4096, 4096), 0);
        });
    }

    @Test
    void shouldKeepCapabilities() {
        RandomWalk.check(walk -> {
            var capabilities =
                    new Capabilities(
                            walk.upTo(1024),
                            1 + (walk.u64() >>> 2),
                            1 + (walk.u64() >>> 2),
                            walk.u64() << 12 | 4096,
                            walk.coin(),
                            walk.coin()
                                    ? new Capabilities.TwinSocket(walk.coin(), walk.upTo(1024) - 1)
                                    : null,
                            walk.coin()
                                    ? new Capabilities.Migration(
                                            4096L << walk.upTo(50), 1 + (walk.u64() >>> 2))
                                    : null);
            assertThat(Capabilities.decode(capabilities.encode())).isEqualTo(capabilities);
        });
    }
}
