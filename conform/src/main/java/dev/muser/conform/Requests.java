package dev.muser.conform;

/** Payloads of requests as the specification lays them out, for cases to send or to spoil. */
final class Requests {
    /** What is proposed on a connection that is not about VERSION. */
    static final String CAPABILITIES =
            "{\"capabilities\":{\"max_msg_fds\":64,\"max_data_xfer_size\":1048576,"
                    + "\"max_dma_maps\":65535,\"pgsizes\":4096,\"write_multiple\":true}}";

    /** {@code DMA_MAP} flags: readable, writeable. */
    static final int READ_WRITE = 3;

    /** {@code SET_IRQS} flags (struct vfio_irq_set). */
    static final int NONE = 1;

    static final int BOOL = 2;
    static final int EVENTFD = 4;
    static final int MASK = 8;
    static final int UNMASK = 0x10;
    static final int TRIGGER = 0x20;

    private Requests() {}

    /** A message whose header may lie about the size. */
    static byte[] message(int id, int command, long size, int flags, byte[] payload) {
        return Bytes.of().u16(id).u16(command).u32(size).u32(flags).u32(0).raw(payload).get();
    }

    static byte[] message(int id, int command, int flags, byte[] payload) {
        return message(id, command, (long) Message.HEADER + payload.length, flags, payload);
    }

    static Bytes version(int major, int minor, String json) {
        return Bytes.of().u16(major).u16(minor).text(json).u8(0);
    }

    static Bytes dmaMap(long argsz, int flags, long offset, long address, long size) {
        return Bytes.of().u32(argsz).u32(flags).u64(offset).u64(address).u64(size);
    }

    static Bytes dmaMap(long address, long size) {
        return dmaMap(32, READ_WRITE, 0, address, size);
    }

    static Bytes dmaUnmap(long argsz, int flags, long address, long size) {
        return Bytes.of().u32(argsz).u32(flags).u64(address).u64(size);
    }

    static Bytes dmaUnmap(long address, long size) {
        return dmaUnmap(24, 0, address, size);
    }

    static Bytes info(long argsz) {
        return Bytes.of().u32(argsz).zeros(12);
    }

    static Bytes regionInfo(long argsz, long index) {
        return Bytes.of().u32(argsz).u32(0).u32(index).u32(0).u64(0).u64(0);
    }

    static Bytes regionIoFds(long argsz, int flags, long index, long count) {
        return Bytes.of().u32(argsz).u32(flags).u32(index).u32(count);
    }

    static Bytes irqInfo(long argsz, long index) {
        return Bytes.of().u32(argsz).u32(0).u32(index).u32(0);
    }

    static Bytes setIrqs(int flags, long index, long start, long count, int... bools) {
        var bytes = Bytes.of().u32(20L + bools.length).u32(flags);
        bytes.u32(index).u32(start).u32(count);
        for (int bool : bools) {
            bytes.u8(bool);
        }
        return bytes;
    }

    static Bytes access(long offset, long region, long count, byte... data) {
        return Bytes.of().u64(offset).u32(region).u32(count).raw(data);
    }

    /** One entry of {@code REGION_WRITE_MULTI}: its data field has always 8 bytes. */
    static Bytes writeEntry(long offset, long region, long count, int value) {
        return Bytes.of().u64(offset).u32(region).u32(count).u64(value);
    }

    static Bytes feature(long argsz, int feature, int methods) {
        return Bytes.of().u32(argsz).u32((long) feature | methods);
    }
}
