package dev.muser.device.stream;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/**
 * A record of a migration stream, in memory that is used for one after the other.
 *
 * <pre>
 *    0  u32  magic "MREC"               4  u32  kind
 *    8  u64  stream: a random number, the same in all of its records
 *   16  u64  number of the record in the stream, from 0
 *   24  u32  area                      28  u32  length of the payload, up to 32 KiB
 *   32  u64  offset in the area, in bytes
 *   40  u32  CRC-32C of the payload    44  u32  CRC-32C of bytes 0 to 43
 *   48       payload
 *
 *   kind 1  BEGIN: text; "muser-migration 1", then what the device is, "key value" by line
 *        2  AREA: text; "name version length" of one that follows
 *        3  DATA: bytes of an area; what comes later is what counts
 *        4  NOTHING: the sender is still looking
 *        5  END: what was sent is complete
 * </pre>
 */
final class StreamRecord {
    static final int BEGIN = 1;
    static final int AREA = 2;
    static final int DATA = 3;
    static final int NOTHING = 4;
    static final int END = 5;

    static final int HEADER = 48;
    static final int MOST = 32 << 10;

    private static final int MAGIC = 0x4345_524d; // "MREC"
    private static final int PAYLOAD_CRC = 40;
    private static final int HEADER_CRC = 44;

    private static final ValueLayout.OfInt U32 =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong U64 =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final MemorySegment memory = Arena.ofAuto().allocate(HEADER + MOST, 8);
    private final CRC32C crc = new CRC32C();

    /** Returns the record's memory; the payload begins at {@link #HEADER}. */
    MemorySegment memory() {
        return memory;
    }

    /** Fills in the header in front of a payload that is there. */
    void seal(int kind, long stream, long number, int area, long offset, int length) {
        memory.set(U32, 0, MAGIC);
        memory.set(U32, 4, kind);
        memory.set(U64, 8, stream);
        memory.set(U64, 16, number);
        memory.set(U32, 24, area);
        memory.set(U32, 28, length);
        memory.set(U64, 32, offset);
        memory.set(U32, PAYLOAD_CRC, crc(HEADER, length));
        memory.set(U32, HEADER_CRC, crc(0, HEADER_CRC));
    }

    private int crc(int from, int length) {
        crc.reset();
        crc.update(memory.asSlice(from, length).asByteBuffer());
        return (int) crc.getValue();
    }

    /** Whether the header is one, and undamaged. */
    boolean hasSoundHeader() {
        return memory.get(U32, 0) == MAGIC
                && memory.get(U32, HEADER_CRC) == crc(0, HEADER_CRC)
                && length() >= 0
                && length() <= MOST;
    }

    boolean hasSoundPayload() {
        return memory.get(U32, PAYLOAD_CRC) == crc(HEADER, length());
    }

    int kind() {
        return memory.get(U32, 4);
    }

    long stream() {
        return memory.get(U64, 8);
    }

    long number() {
        return memory.get(U64, 16);
    }

    int area() {
        return memory.get(U32, 24);
    }

    int length() {
        return memory.get(U32, 28);
    }

    long offset() {
        return memory.get(U64, 32);
    }
}
