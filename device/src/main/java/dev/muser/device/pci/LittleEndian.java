package dev.muser.device.pci;

import java.lang.foreign.MemorySegment;

/** Numbers of 1 to 8 bytes in buffers, as PCI orders them. */
final class LittleEndian {
    private LittleEndian() {}

    /** Hot. Returns {@code count} bytes, 1 to 8, zero-extended. */
    static long get(MemorySegment buffer, long at, int count) {
        return switch (count) {
            case 1 -> buffer.get(StateLayout.U8, at) & 0xffL;
            case 2 -> buffer.get(StateLayout.U16, at) & 0xffffL;
            case 4 -> buffer.get(StateLayout.U32, at) & 0xffff_ffffL;
            case 8 -> buffer.get(StateLayout.U64, at);
            default -> getOdd(buffer, at, count);
        };
    }

    /** Hot. Stores the low {@code count} bytes, 1 to 8, of {@code value}. */
    static void put(MemorySegment buffer, long at, int count, long value) {
        switch (count) {
            case 1 -> buffer.set(StateLayout.U8, at, (byte) value);
            case 2 -> buffer.set(StateLayout.U16, at, (short) value);
            case 4 -> buffer.set(StateLayout.U32, at, (int) value);
            case 8 -> buffer.set(StateLayout.U64, at, value);
            default -> putOdd(buffer, at, count, value);
        }
    }

    private static long getOdd(MemorySegment buffer, long at, int count) {
        long value = 0;
        for (int i = 0; i < count; i++) {
            value |= (buffer.get(StateLayout.U8, at + i) & 0xffL) << (8 * i);
        }
        return value;
    }

    private static void putOdd(MemorySegment buffer, long at, int count, long value) {
        for (int i = 0; i < count; i++) {
            buffer.set(StateLayout.U8, at + i, (byte) (value >>> (8 * i)));
        }
    }

    /** Hot. Returns a one for each bit of {@code count} bytes, 1 to 8. */
    static long mask(int count) {
        return -1L >>> (64 - 8 * count);
    }
}
