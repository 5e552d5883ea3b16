package dev.muser.device.pci;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;

/** Takes streams of migrations apart, and puts together what no device would send. */
final class StreamRecords {
    /** Of a record, in bytes. */
    static final int HEADER = 48;

    private static final int LENGTH = 28;

    private StreamRecords() {}

    /** Returns where each record begins. */
    static List<Integer> starts(byte[] stream) {
        var starts = new ArrayList<Integer>();
        var bytes = MemorySegment.ofArray(stream);
        for (int at = 0; at < stream.length; ) {
            starts.add(at);
            at += HEADER + bytes.get(ValueLayout.JAVA_INT_UNALIGNED, at + LENGTH);
        }
        return starts;
    }

    static byte[] part(byte[] bytes, int from, int to) {
        return Arrays.copyOfRange(bytes, from, to);
    }

    static byte[] join(byte[]... parts) {
        var all = new ByteArrayOutputStream();
        for (var part : parts) {
            all.writeBytes(part);
        }
        return all.toByteArray();
    }

    /** Changes a text, and the checksums of its record. */
    static byte[] rewritten(byte[] stream, String text, String other) {
        for (int start : starts(stream)) {
            var bytes = MemorySegment.ofArray(stream);
            int length = bytes.get(ValueLayout.JAVA_INT_UNALIGNED, start + LENGTH);
            var payload = new String(stream, start + HEADER, length, StandardCharsets.ISO_8859_1);
            int at = payload.indexOf(text);
            if (at >= 0) {
                var copy = stream.clone();
                System.arraycopy(
                        other.getBytes(StandardCharsets.ISO_8859_1),
                        0,
                        copy,
                        start + HEADER + at,
                        other.length());
                var changed = MemorySegment.ofArray(copy);
                changed.set(
                        ValueLayout.JAVA_INT_UNALIGNED,
                        start + 40,
                        crc(copy, start + HEADER, length));
                changed.set(ValueLayout.JAVA_INT_UNALIGNED, start + 44, crc(copy, start, 44));
                return copy;
            }
        }
        throw new AssertionError("the stream has no '" + text + "'");
    }

    private static int crc(byte[] bytes, int from, int length) {
        var crc = new CRC32C();
        crc.update(bytes, from, length);
        return (int) crc.getValue();
    }
}
