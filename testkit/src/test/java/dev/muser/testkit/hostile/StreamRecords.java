package dev.muser.testkit.hostile;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;

/** The records of a migration stream, to be spoilt one by one (docs/migration.md). */
final class StreamRecords {
    // header: magic u32 @0, kind u32 @4, stream u64 @8, number u64 @16, area u32 @24,
    // length u32 @28, offset u64 @32, checksum of the payload u32 @40, of the header u32 @44
    static final int HEADER = 48;
    static final int KIND = 4;
    static final int NUMBER = 16;
    static final int AREA = 24;
    static final int LENGTH = 28;
    static final int OFFSET = 32;
    private static final int PAYLOAD_SUM = 40;
    private static final int HEADER_SUM = 44;

    static final int KIND_AREA = 2;
    static final int KIND_DATA = 3;

    private StreamRecords() {}

    static List<byte[]> of(byte[] stream) {
        var all = new ArrayList<byte[]>();
        for (int at = 0; at < stream.length; ) {
            int end = at + HEADER + u32(stream, at + LENGTH);
            all.add(Arrays.copyOfRange(stream, at, end));
            at = end;
        }
        return all;
    }

    static byte[] join(List<byte[]> records) {
        var all = Bytes.of();
        records.forEach(all::raw);
        return all.get();
    }

    static int kind(byte[] record) {
        return u32(record, KIND);
    }

    static int u32(byte[] bytes, int at) {
        return MemorySegment.ofArray(bytes).get(JAVA_INT_UNALIGNED, at);
    }

    /** Returns a copy with another field, and sums that match. */
    static byte[] withU32(byte[] record, int at, long value) {
        var copy = record.clone();
        MemorySegment.ofArray(copy).set(JAVA_INT_UNALIGNED, at, (int) value);
        return sealed(copy);
    }

    static byte[] withU64(byte[] record, int at, long value) {
        var copy = record.clone();
        MemorySegment.ofArray(copy).set(JAVA_LONG_UNALIGNED, at, value);
        return sealed(copy);
    }

    /** Returns a copy with another payload, and sums that match. */
    static byte[] withPayload(byte[] record, byte... payload) {
        var copy = Arrays.copyOf(record, HEADER + payload.length);
        System.arraycopy(payload, 0, copy, HEADER, payload.length);
        return withU32(copy, LENGTH, payload.length);
    }

    private static byte[] sealed(byte[] record) {
        var memory = MemorySegment.ofArray(record);
        memory.set(JAVA_INT_UNALIGNED, PAYLOAD_SUM, sum(record, HEADER, record.length - HEADER));
        memory.set(JAVA_INT_UNALIGNED, HEADER_SUM, sum(record, 0, HEADER_SUM));
        return record;
    }

    private static int sum(byte[] bytes, int from, int length) {
        var crc = new CRC32C();
        crc.update(bytes, from, length);
        return (int) crc.getValue();
    }
}
