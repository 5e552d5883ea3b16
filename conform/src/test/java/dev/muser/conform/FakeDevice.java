package dev.muser.conform;

import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What the fake server says and does: BAR0 of 4 KiB with an ioeventfd, BAR1 of 16 KiB with two
 * areas that can be mapped, configuration space; INTx, 4 MSI, 8 MSI-X, ERR, REQ; migration; DMA
 * logging.
 */
final class FakeDevice implements AutoCloseable {
    private static final int CONFIG = 7;
    private static final long[] SIZES = {0x1000, 0x4000, 0, 0, 0, 0, 0, 256, 0};
    private static final int[] VECTORS = {1, 4, 8, 1, 1};
    private static final long TRANSFER = 1 << 20;

    private final Set<Fault> faults;
    private final FakeMigration migration;
    private final FakeDma dma;
    private final Fd memory = MemoryFile.create("fake-bar1", 0x4000);
    private final Fd doorbell = EventFd.create();
    private final byte[] config = new byte[256];
    private final Map<Integer, List<Fd>> eventFds = new HashMap<>();
    private boolean negotiated;
    private boolean multiple;
    private boolean crashed;

    FakeDevice(Set<Fault> faults) {
        this.faults = faults;
        dma = new FakeDma(faults);
        migration = new FakeMigration(faults, dma);
        config[0] = 0x36;
        config[1] = 0x1b;
    }

    private boolean has(Fault fault) {
        return faults.contains(fault);
    }

    boolean crashed() {
        return crashed;
    }

    static byte[] bytes(ByteBuffer request) {
        var bytes = new byte[request.remaining()];
        request.get(0, bytes);
        return bytes;
    }

    void connected() {
        negotiated = false;
        multiple = false;
    }

    void disconnected() {
        if (!has(Fault.MEMORY_KEPT)) {
            dma.close();
        }
        for (int index = 0; index < VECTORS.length; index++) {
            remove(index, 0, VECTORS[index]);
        }
        migration.disconnected();
    }

    FakeReply handle(int command, byte[] payload, List<Fd> fds) {
        var request = ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN);
        if (negotiated == (command == Command.VERSION)) {
            return FakeReply.INVALID;
        }
        return switch (command) {
            case Command.VERSION -> version(request);
            case Command.DMA_MAP -> {
                long address = payload.length < 32 ? 0 : request.getLong(16);
                crashed = has(Fault.WRAP_CRASHES) && address < 0;
                yield dma.map(request, fds);
            }
            case Command.DMA_UNMAP -> dma.unmap(request);
            case Command.GET_INFO -> info(request);
            case Command.GET_REGION_INFO -> regionInfo(request);
            case Command.GET_REGION_IO_FDS -> ioFds(request);
            case Command.GET_IRQ_INFO -> irqInfo(request);
            case Command.SET_IRQS -> setIrqs(request, fds);
            case Command.REGION_READ -> read(request);
            case Command.REGION_WRITE -> write(request);
            case Command.RESET -> {
                migration.reset();
                yield FakeReply.DONE;
            }
            case Command.WRITE_MULTI -> writeMulti(request);
            case Command.FEATURE -> migration.feature(request);
            case Command.MIG_DATA_READ -> migration.read(request);
            case Command.MIG_DATA_WRITE -> migration.write(request);
            default -> FakeReply.INVALID;
        };
    }

    private FakeReply version(ByteBuffer request) {
        if (request.remaining() < 4 || request.getShort(0) != 0) {
            return FakeReply.INVALID;
        }
        int minor = Math.min(2, Short.toUnsignedInt(request.getShort(2)));
        var proposal = FakeProposal.of(bytes(request));
        if (proposal == null) {
            return FakeReply.INVALID;
        }
        negotiated = true;
        multiple = proposal.writeMultiple();
        var fd = has(Fault.TWIN_UNASKED) ? ",\"twin_socket\":{\"supported\":true}" : "";
        var json =
                "{\"capabilities\":{\"max_msg_fds\":8%s%s%s}}"
                        .formatted(
                                multiple ? ",\"write_multiple\":true" : "",
                                proposal.maxDmaMaps() ? ",\"max_dma_maps\":" + FakeDma.MOST : "",
                                fd);
        return FakeReply.of(
                Bytes.of().u16(0).u16(has(Fault.MINOR_FIXED) ? 2 : minor).text(json).u8(0));
    }

    private static boolean lacks(ByteBuffer request, int size) {
        return request.remaining() < size || Integer.toUnsignedLong(request.getInt(0)) < size;
    }

    private FakeReply info(ByteBuffer request) {
        return lacks(request, 16)
                ? FakeReply.INVALID
                : FakeReply.of(
                        Bytes.of().u32(has(Fault.INFO_ARGSZ) ? 32 : 16).u32(3).u32(9).u32(5));
    }

    private FakeReply regionInfo(ByteBuffer request) {
        if (lacks(request, 32) || Integer.compareUnsigned(request.getInt(8), 9) >= 0) {
            return FakeReply.INVALID;
        }
        int index = request.getInt(8);
        long argsz = Integer.toUnsignedLong(request.getInt(0));
        boolean mappable = index == 1;
        int whole = mappable ? 32 + 48 : 32;
        boolean fits = argsz >= whole || has(Fault.ARGSZ_IGNORED);
        long flags = SIZES[index] == 0 ? 0 : mappable ? 7 : 3;
        var reply = Bytes.of().u32(whole).u32(mappable && fits ? flags | 8 : flags).u32(index);
        reply.u32(mappable && fits ? 32 : 0).u64(SIZES[index]).u64(0);
        if (!mappable || !fits) {
            return index == 0 && has(Fault.DESCRIPTOR_EXTRA)
                    ? FakeReply.of(reply, memory)
                    : FakeReply.of(reply);
        }
        reply.u16(1).u16(1).u32(has(Fault.CAPABILITY_LOOP) ? 32 : 0).u32(2).u32(0);
        reply.u64(0x1000).u64(0x1000);
        reply.u64(0x3000).u64(has(Fault.AREA_BEYOND) ? 0x2000 : 0x1000);
        return has(Fault.DESCRIPTOR_MISSING) ? FakeReply.of(reply) : FakeReply.of(reply, memory);
    }

    /** BAR0 has an ioeventfd, of 4 bytes at its end. */
    private FakeReply ioFds(ByteBuffer request) {
        if (lacks(request, 16) || request.getInt(4) != 0 || request.getInt(12) != 0) {
            return FakeReply.INVALID;
        }
        int index = request.getInt(8);
        if (Integer.compareUnsigned(index, 9) >= 0 && !has(Fault.IO_FDS_INDEX_BEYOND)) {
            return FakeReply.INVALID;
        }
        if (index != 0) {
            return FakeReply.of(Bytes.of().u32(16).u32(0).u32(index).u32(0));
        }
        var reply = Bytes.of().u32(16 + 40).u32(0).u32(index).u32(1);
        boolean fits = Integer.toUnsignedLong(request.getInt(0)) >= 16 + 40;
        if (!fits && !has(Fault.IO_FDS_ARGSZ_IGNORED)) {
            return FakeReply.of(reply);
        }
        reply.u64(has(Fault.IO_FD_BEYOND) ? 0x1000 : 0xffc).u64(4);
        reply.u32(has(Fault.IO_FD_MISSING) ? 1 : 0).u32(0).u32(0).u32(0).u64(0);
        return FakeReply.of(reply, doorbell);
    }

    private static FakeReply irqInfo(ByteBuffer request) {
        if (lacks(request, 16) || Integer.compareUnsigned(request.getInt(8), 5) >= 0) {
            return FakeReply.INVALID;
        }
        int index = request.getInt(8);
        int flags = index == 0 ? 7 : 1;
        return FakeReply.of(Bytes.of().u32(16).u32(flags).u32(index).u32(VECTORS[index]));
    }

    private FakeReply setIrqs(ByteBuffer request, List<Fd> fds) {
        if (lacks(request, 20) || Integer.compareUnsigned(request.getInt(8), 5) >= 0) {
            return FakeReply.INVALID;
        }
        int flags = request.getInt(4);
        int index = request.getInt(8);
        long start = Integer.toUnsignedLong(request.getInt(12));
        long count = Integer.toUnsignedLong(request.getInt(16));
        int data = flags & 7;
        int action = flags >> 3;
        int bytes = request.remaining() - 20;
        if (Integer.bitCount(data) != 1 || Integer.bitCount(action) != 1 || action > 4) {
            return FakeReply.INVALID;
        }
        if (count == 0) {
            if (start != 0 || flags != 0x21) {
                return FakeReply.INVALID;
            }
            remove(index, 0, VECTORS[index]);
            return FakeReply.DONE;
        }
        if (start + count > VECTORS[index]) {
            return has(Fault.IRQ_BEYOND) ? FakeReply.DONE : FakeReply.INVALID;
        }
        boolean lengthsFit = data == 2 ? bytes == count : bytes == 0;
        boolean fdsFit = fds.isEmpty() || (data == 4 && fds.size() == count);
        if (!lengthsFit || !fdsFit || (action != 4 && index >= 3)) {
            return FakeReply.INVALID;
        }
        if (action == 4) {
            trigger(request, fds, data, index, (int) start, (int) count);
        }
        return FakeReply.DONE;
    }

    private void trigger(
            ByteBuffer request, List<Fd> fds, int data, int index, int start, int count) {
        for (int i = 0; i < count; i++) {
            int vector = index << 16 | start + i;
            var assigned = eventFds.getOrDefault(vector, List.of());
            if (data == 4) {
                if (!has(Fault.IRQ_NOT_REPLACED) || fds.isEmpty()) {
                    remove(index, start + i, 1);
                }
                if (!fds.isEmpty()) {
                    eventFds.computeIfAbsent(vector, _ -> new ArrayList<>())
                            .add(fds.get(i).duplicate());
                }
            } else if (!has(Fault.IRQ_SILENT) && (data == 1 || request.get(20 + i) == 1)) {
                assigned.forEach(EventFd::signal);
            }
        }
    }

    private void remove(int index, int start, int count) {
        for (int i = start; i < start + count; i++) {
            var assigned = eventFds.remove(index << 16 | i);
            if (assigned != null) {
                assigned.forEach(Fd::close);
            }
        }
    }

    /** Whether an access is inside its region. */
    private static boolean inside(long offset, int region, long count, long over) {
        return Integer.compareUnsigned(region, 9) < 0
                && SIZES[region] != 0
                && offset >= 0
                && count <= TRANSFER
                && offset <= SIZES[region] + over - count;
    }

    private FakeReply read(ByteBuffer request) {
        if (request.remaining() != 16) {
            return FakeReply.INVALID;
        }
        long offset = request.getLong(0);
        int region = request.getInt(8);
        long count = Integer.toUnsignedLong(request.getInt(12));
        if (!inside(offset, region, count, has(Fault.READ_BEYOND) ? 1 : 0)) {
            return FakeReply.INVALID;
        }
        var data = new byte[(int) count];
        for (int i = 0; i < count && region == CONFIG && offset + i < config.length; i++) {
            data[i] = config[(int) offset + i];
        }
        return FakeReply.of(Bytes.of().raw(bytes(request)).raw(data));
    }

    private FakeReply write(ByteBuffer request) {
        if (request.remaining() < 16) {
            return FakeReply.INVALID;
        }
        long offset = request.getLong(0);
        int region = request.getInt(8);
        long count = Integer.toUnsignedLong(request.getInt(12));
        if (request.remaining() != 16 + count || !inside(offset, region, count, 0)) {
            return FakeReply.INVALID;
        }
        if (region == CONFIG) {
            request.get(16, config, (int) offset, (int) count);
        }
        return FakeReply.of(Bytes.of().raw(bytes(request)).cut(16));
    }

    private FakeReply writeMulti(ByteBuffer request) {
        if (!multiple || request.remaining() < 8) {
            return FakeReply.INVALID;
        }
        long writes = request.getLong(0);
        if (writes < 0 || writes > 1000 || request.remaining() != 8 + writes * 24) {
            return FakeReply.INVALID;
        }
        for (int at = 8; at < request.remaining(); at += 24) {
            long offset = request.getLong(at);
            int region = request.getInt(at + 8);
            int count = request.getInt(at + 12);
            if (count < 0 || count > 8 || !inside(offset, region, count, 0)) {
                return FakeReply.INVALID;
            }
            if (region == CONFIG && !has(Fault.MULTI_NOT_DONE)) {
                request.get(at + 16, config, (int) offset, count);
            }
        }
        return FakeReply.of(Bytes.of().u64(writes));
    }

    @Override
    public void close() {
        disconnected();
        dma.close();
        memory.close();
        doorbell.close();
    }
}
