package dev.muser.testkit.hostile;

/** Messages and payloads as the specification lays them out, for tests to send or to spoil. */
final class Requests {
    static final int VERSION = 1;
    static final int DMA_MAP = 2;
    static final int DMA_UNMAP = 3;
    static final int GET_INFO = 4;
    static final int GET_REGION_INFO = 5;
    static final int GET_REGION_IO_FDS = 6;
    static final int GET_IRQ_INFO = 7;
    static final int SET_IRQS = 8;
    static final int REGION_READ = 9;
    static final int REGION_WRITE = 10;
    static final int DMA_READ = 11;
    static final int DMA_WRITE = 12;
    static final int RESET = 13;
    static final int WRITE_MULTI = 15;
    static final int FEATURE = 16;
    static final int MIG_READ = 17;
    static final int MIG_WRITE = 18;

    /** Header flags. */
    static final int REPLY = 1;

    static final int NO_REPLY = 0x10;
    static final int ERROR_REPLY = 0x21;

    /** {@code DMA_MAP} flags: readable, writeable. */
    static final int READ = 1;

    static final int READ_WRITE = 3;

    /** {@code SET_IRQS} flags (struct vfio_irq_set). */
    static final int NONE = 1;

    static final int BOOL = 2;
    static final int EVENTFD = 4;
    static final int MASK = 8;
    static final int UNMASK = 0x10;
    static final int TRIGGER = 0x20;

    /** {@code DEVICE_FEATURE} flags. */
    static final int GET = 1 << 16;

    static final int SET = 2 << 16;

    static final int HEADER = 16;

    private Requests() {}

    /** A message whose header may lie about the size. */
    static byte[] message(int id, int command, long size, int flags, byte[] payload) {
        return Bytes.of().u16(id).u16(command).u32(size).u32(flags).u32(0).raw(payload).get();
    }

    static byte[] message(int id, int command, int flags, byte[] payload) {
        return message(id, command, (long) HEADER + payload.length, flags, payload);
    }

    static byte[] version(int major, int minor, String json) {
        return Bytes.of().u16(major).u16(minor).text(json).u8(0).get();
    }

    static byte[] dmaMap(int flags, long offset, long address, long size) {
        return Bytes.of().u32(32).u32(flags).u64(offset).u64(address).u64(size).get();
    }

    static byte[] dmaUnmap(long address, long size) {
        return Bytes.of().u32(24).u32(0).u64(address).u64(size).get();
    }

    static byte[] info(long argsz) {
        return Bytes.of().u32(argsz).zeros(12).get();
    }

    static byte[] regionInfo(long argsz, long index) {
        return Bytes.of().u32(argsz).u32(0).u32(index).zeros(20).get();
    }

    static byte[] regionIoFds(long argsz, long index) {
        return Bytes.of().u32(argsz).u32(0).u32(index).u32(0).get();
    }

    static byte[] irqInfo(long argsz, long index) {
        return Bytes.of().u32(argsz).u32(0).u32(index).u32(0).get();
    }

    static byte[] setIrqs(long argsz, long flags, long index, long start, long count) {
        return Bytes.of().u32(argsz).u32(flags).u32(index).u32(start).u32(count).get();
    }

    static byte[] setIrqs(long flags, long index, long start, long count) {
        return setIrqs(20, flags, index, start, count);
    }

    static byte[] regionRead(long region, long offset, long count) {
        return Bytes.of().u64(offset).u32(region).u32(count).get();
    }

    static byte[] regionWrite(long region, long offset, byte... data) {
        return Bytes.of().u64(offset).u32(region).u32(data.length).raw(data).get();
    }

    static Bytes feature(long argsz, int feature, int methods) {
        return Bytes.of().u32(argsz).u32((long) feature | methods);
    }
}
