package dev.muser.device.stream;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Makes the stream of a device: what it is, which areas it has, their bytes. While the device runs
 * it goes through the areas again and again, and sends what has changed; when it has stopped, once
 * more, and that is complete.
 *
 * <p>Owned by the device's thread.
 */
public final class OutgoingStream {
    /** What one call looks at: the loop has other devices to serve. */
    private static final long EFFORT = 2L << 20;

    private final String identity;
    private final List<MovedArea> areas;
    private final List<SentBlocks> sent = new ArrayList<>();
    private final StreamRecord record = new StreamRecord();
    private final long stream = ThreadLocalRandom.current().nextLong();

    private long number;

    /** What is left of the record at hand. */
    private int recordAt;

    private int recordEnd;

    private boolean begun;
    private int announced;

    /** Where in the areas it is. */
    private int area;

    private long block;
    private boolean inPass;

    private boolean stopped;
    private boolean ended;

    /** Whether a pass has ended with a short answer, and the next one is to be 0. */
    private boolean owesEnd;

    private long effort;

    /**
     * @param identity what the device is, "key value" by line, each with a newline
     */
    public OutgoingStream(String identity, List<? extends MovedArea> areas) {
        this.identity = identity;
        this.areas = List.copyOf(areas);
        for (var each : areas) {
            sent.add(new SentBlocks(each.length()));
        }
    }

    /** The device has stopped: what follows is the rest. */
    public void stop() {
        stopped = true;
        owesEnd = false;
        inPass = false;
    }

    /** Whether the areas are still those that were announced. */
    public boolean isOf(List<? extends MovedArea> now) {
        if (now.size() != areas.size()) {
            return false;
        }
        for (int i = 0; i < now.size(); i++) {
            var before = areas.get(i);
            if (!now.get(i).name().equals(before.name())
                    || now.get(i).length() != before.length()) {
                return false;
            }
        }
        return true;
    }

    /**
     * Reads up to {@code count} bytes.
     *
     * @return how many: fewer at the end of a pass, or of the stream, and once 0 behind it
     */
    public int read(MemorySegment buffer, long at, int count) {
        effort = 0;
        if (owesEnd) {
            owesEnd = false;
            return 0;
        }
        int done = 0;
        while (done < count && (recordAt < recordEnd || next())) {
            int n = Math.min(count - done, recordEnd - recordAt);
            MemorySegment.copy(record.memory(), recordAt, buffer, at + done, n);
            recordAt += n;
            done += n;
        }
        owesEnd = done != 0 && done < count;
        return done;
    }

    private boolean next() {
        if (ended) {
            return false;
        }
        if (!begun) {
            begun = true;
            text(StreamRecord.BEGIN, 0, IncomingStream.FORMAT_LINE + "\n" + identity);
            return true;
        }
        if (announced < areas.size()) {
            var next = areas.get(announced);
            text(
                    StreamRecord.AREA,
                    announced++,
                    "%s %d %d".formatted(next.name(), next.version(), next.length()));
            return true;
        }
        if (!inPass) {
            inPass = true;
            area = 0;
            block = 0;
            areas.forEach(MovedArea::beginPass);
        }
        if (nextData()) {
            return true;
        }
        inPass = false;
        if (stopped) {
            ended = true;
            seal(StreamRecord.END, 0, 0, 0);
        }
        return stopped;
    }

    private void text(int kind, int about, String text) {
        var bytes = text.getBytes(US_ASCII);
        if (bytes.length > StreamRecord.MOST) {
            throw new IllegalStateException(
                    "%d bytes of text about a device".formatted(bytes.length));
        }
        MemorySegment.copy(
                bytes,
                0,
                record.memory(),
                ValueLayout.JAVA_BYTE,
                StreamRecord.HEADER,
                bytes.length);
        seal(kind, about, 0, bytes.length);
    }

    private void seal(int kind, int about, long offset, int length) {
        record.seal(kind, stream, number++, about, offset, length);
        recordAt = 0;
        recordEnd = StreamRecord.HEADER + length;
    }

    /** Looks for blocks to send; returns false at the end of the pass. */
    private boolean nextData() {
        for (; area < areas.size(); area++, block = 0) {
            var from = areas.get(area);
            var known = sent.get(area);
            long blocks = (from.length() + SentBlocks.BLOCK - 1) / SentBlocks.BLOCK;
            while (block < blocks) {
                if (effort >= EFFORT) {
                    nothing();
                    return true;
                }
                long data = from.nextData(block * SentBlocks.BLOCK) / SentBlocks.BLOCK;
                if (data > block) {
                    block = known.nextSent(block, Math.min(data, blocks));
                }
                if (block < blocks && takeRun(from, known, blocks)) {
                    return true;
                }
            }
        }
        return false;
    }

    /** A short answer would be taken for the end: what is missing of it is filled. */
    private void nothing() {
        record.memory().asSlice(StreamRecord.HEADER).fill((byte) 0);
        seal(StreamRecord.NOTHING, 0, 0, StreamRecord.MOST);
    }

    /** Collects blocks one after the other, as many as a record has room for. */
    private boolean takeRun(MovedArea from, SentBlocks known, long blocks) {
        long first = block;
        int length = 0;
        while (block < blocks && length <= StreamRecord.MOST - SentBlocks.BLOCK) {
            int count = (int) Math.min(SentBlocks.BLOCK, from.length() - block * SentBlocks.BLOCK);
            long at = StreamRecord.HEADER + (long) length;
            from.read(block * SentBlocks.BLOCK, record.memory(), at, count);
            effort += count;
            boolean takes = known.takes(block, record.memory(), at, count);
            block++;
            if (!takes) {
                break;
            }
            length += count;
        }
        if (length != 0) {
            seal(StreamRecord.DATA, area, first * SentBlocks.BLOCK, length);
        }
        return length != 0;
    }
}
