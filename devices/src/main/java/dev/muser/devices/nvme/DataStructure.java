package dev.muser.devices.nvme;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.UUID;

/** A data structure for the driver, all zero at first: its fields by their byte offsets. */
final class DataStructure {
    private static final ValueLayout.OfShort U16 =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt U32 =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong U64 =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong BIG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private final MemorySegment bytes;

    DataStructure(int size) {
        bytes = MemorySegment.ofArray(new byte[size]);
    }

    MemorySegment bytes() {
        return bytes;
    }

    long size() {
        return bytes.byteSize();
    }

    DataStructure u8(long at, int value) {
        bytes.set(ValueLayout.JAVA_BYTE, at, (byte) value);
        return this;
    }

    DataStructure u16(long at, int value) {
        bytes.set(U16, at, (short) value);
        return this;
    }

    DataStructure u32(long at, int value) {
        bytes.set(U32, at, value);
        return this;
    }

    /** The lower half of a field of 128 bits too: the upper one stays zero. */
    DataStructure u64(long at, long value) {
        bytes.set(U64, at, value);
        return this;
    }

    /** A field whose first byte is the most significant one. */
    DataStructure bigEndian64(long at, long value) {
        bytes.set(BIG, at, value);
        return this;
    }

    DataStructure uuid(long at, UUID value) {
        return bigEndian64(at, value.getMostSignificantBits())
                .bigEndian64(at + 8, value.getLeastSignificantBits());
    }

    /** ASCII, filled up with spaces. */
    DataStructure padded(long at, int length, String text) {
        bytes.asSlice(at, length).fill((byte) ' ');
        return text(at, text);
    }

    /** ASCII; what follows stays zero. */
    DataStructure text(long at, String text) {
        var ascii = text.getBytes(StandardCharsets.US_ASCII);
        MemorySegment.copy(ascii, 0, bytes, ValueLayout.JAVA_BYTE, at, ascii.length);
        return this;
    }
}
