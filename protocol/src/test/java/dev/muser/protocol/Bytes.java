package dev.muser.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HexFormat;

/** Messages in hexadecimal, and memory that starts at an odd address and notices stray writes. */
final class Bytes {
    /** Odd, so that nothing relies on alignment. */
    static final int AT = 7;

    private static final byte UNTOUCHED = (byte) 0xa5;

    private Bytes() {}

    /** The bytes of {@code hex}, which may have blanks, at {@link #AT}; nothing behind them. */
    static MemorySegment of(String hex) {
        byte[] bytes = HexFormat.of().parseHex(hex.replaceAll("\\s", ""));
        var array = new byte[AT + bytes.length];
        System.arraycopy(bytes, 0, array, AT, bytes.length);
        return MemorySegment.ofArray(array);
    }

    static int length(MemorySegment segment) {
        return (int) segment.byteSize() - AT;
    }

    /** Room for a message, no byte of which is 0. */
    static MemorySegment room() {
        var array = new byte[4096];
        Arrays.fill(array, UNTOUCHED);
        return MemorySegment.ofArray(array);
    }

    /** Asserts that exactly the bytes of {@code hex} were written at {@link #AT}. */
    static void assertWritten(MemorySegment room, int length, String hex) {
        byte[] all = room.toArray(ValueLayout.JAVA_BYTE);
        assertThat(HexFormat.of().formatHex(all, AT, AT + length))
                .isEqualTo(hex.replaceAll("\\s", ""));
        for (int i = 0; i < all.length; i++) {
            if (i < AT || i >= AT + length) {
                assertThat(all[i]).as("byte %d, outside of the message", i).isEqualTo(UNTOUCHED);
            }
        }
    }
}
