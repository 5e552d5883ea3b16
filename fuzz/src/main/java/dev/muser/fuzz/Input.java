package dev.muser.fuzz;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** The fuzzer's bytes, read from the front to the end; behind the end there are zeros. */
public final class Input {
    /** Where {@link #value} finds pages of memory that is reached by message. */
    static final long MESSAGE_PAGES = 0;

    /** Where it finds pages of memory that is shared. */
    static final long SHARED_PAGES = 0x10_0000;

    private static final int BLOCK = 64;

    private final byte[] bytes;
    private int at;

    public Input(byte[] bytes) {
        this.bytes = bytes;
    }

    public boolean isEmpty() {
        return at >= bytes.length;
    }

    /** Returns 0 to 255. */
    public int u8() {
        return isEmpty() ? 0 : bytes[at++] & 0xff;
    }

    public int u16() {
        return u8() | u8() << 8;
    }

    public int u32() {
        return u16() | u16() << 16;
    }

    public long u64() {
        return (u32() & 0xffff_ffffL) | (long) u32() << 32;
    }

    /** Returns the next {@code count} bytes, or as many as there are. */
    public byte[] take(int count) {
        int from = Math.min(at, bytes.length);
        int to = Math.min(bytes.length, from + count);
        at = to;
        return Arrays.copyOfRange(bytes, from, to);
    }

    /**
     * Returns a number of the kind that devices are given: a small one, a page's address, a single
     * bit, or any.
     */
    public long value() {
        int tag = u8();
        if (tag < 0xc0) {
            return tag;
        } else if (tag < 0xe0) {
            return MESSAGE_PAGES + ((long) (tag & 31) << 12);
        } else if (tag < 0xf0) {
            return SHARED_PAGES + ((long) (tag & 15) << 12);
        } else if (tag < 0xf8) {
            return 1L << (u8() & 63);
        }
        return tag < 0xfe ? u32() & 0xffff_ffffL : u64();
    }

    /** Fills a segment with bytes as they are, and zeros behind their end. */
    public void raw(MemorySegment into) {
        into.fill((byte) 0);
        byte[] some = take((int) Math.min(into.byteSize(), 4096));
        MemorySegment.copy(some, 0, into, ValueLayout.JAVA_BYTE, 0, some.length);
    }

    /**
     * Fills a segment with 32-bit {@linkplain #value values} here and there: of each 64 bytes,
     * those whose bits are set in a mask of 16.
     */
    public void sparse(MemorySegment into) {
        into.fill((byte) 0);
        for (long block = 0; block < into.byteSize() && !isEmpty(); block += BLOCK) {
            int mask = u16();
            for (int word = 0; word < 16; word++) {
                long to = block + 4L * word;
                if ((mask >> word & 1) != 0 && to + 4 <= into.byteSize()) {
                    into.set(ValueLayout.JAVA_INT_UNALIGNED, to, (int) value());
                }
            }
        }
    }
}
