package dev.muser.client;

import java.util.TreeMap;

/**
 * Hands out ranges of I/O virtual addresses: the lowest that fits, because many devices have fewer
 * than 64 address bits (QEMU's {@code edu} has 28).
 */
final class IovaAllocator {
    /** Not 0, so that an address that was never set is not somebody's memory. */
    static final long FIRST = 0x10000;

    /** 48 bits, as wide as an IOMMU of a PC has. */
    static final long LIMIT = 1L << 48;

    /** Where writes are interrupts on x86, not memory. */
    private static final long MSI_START = 0xfee00000L;

    private static final long MSI_END = 0xfef00000L;

    /** Ends by starts. */
    private final TreeMap<Long, Long> taken = new TreeMap<>();

    IovaAllocator() {
        taken.put(MSI_START, MSI_END);
    }

    /**
     * Takes {@code size} bytes.
     *
     * @param alignment a power of two
     */
    long take(long size, long alignment) {
        long start = align(FIRST, alignment);
        for (var range : taken.entrySet()) {
            if (range.getKey() - start >= size) {
                break;
            }
            start = Math.max(start, align(range.getValue(), alignment));
        }
        if (size > LIMIT - start) {
            throw new IllegalStateException(
                    "no %d bytes of I/O virtual address space left below 2^48".formatted(size));
        }
        taken.put(start, start + size);
        return start;
    }

    void give(long start) {
        taken.remove(start);
    }

    private static long align(long value, long alignment) {
        return (value + alignment - 1) & -alignment;
    }
}
