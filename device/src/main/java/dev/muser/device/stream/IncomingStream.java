package dev.muser.device.stream;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Takes a stream in pieces of any length, checks it, and keeps it apart from the device until it is
 * complete.
 *
 * <p>Owned by the device's thread.
 */
public final class IncomingStream implements AutoCloseable {
    static final String FORMAT_LINE = "muser-migration 1";

    private static final String FORMAT = "muser-migration ";

    /** Says what the receiving device makes of a stream. */
    public interface Receiver {
        /**
         * Checks what the sender is.
         *
         * @param identity as {@link OutgoingStream} has it
         * @throws StreamException when it is another device
         */
        void identity(String identity);

        /**
         * Checks an area.
         *
         * @throws StreamException when it is not known here, or has another version or length
         */
        void area(String name, int version, long length);
    }

    private final Receiver receiver;
    private final StreamRecord record = new StreamRecord();
    private final List<Staging> areas = new ArrayList<>();

    /** Of the record at hand. */
    private int have;

    private long stream;
    private long number;
    private long taken;
    private boolean ended;
    private @Nullable String broken;

    public IncomingStream(Receiver receiver) {
        this.receiver = receiver;
    }

    /** Whether anything has come. */
    public boolean hasBegun() {
        return taken != 0 || broken != null;
    }

    /**
     * Takes the next bytes.
     *
     * @throws StreamException when they cannot be part of a stream for this device; nothing helps
     *     any more then but to begin again
     */
    public void write(MemorySegment buffer, long at, int count) {
        requireSound();
        try {
            for (int done = 0; done < count; ) {
                done += take(buffer, at + done, count - done);
            }
        } catch (StreamException e) {
            broken = e.getMessage();
            throw e;
        }
    }

    private void requireSound() {
        if (broken != null) {
            throw new StreamException(broken);
        }
    }

    /**
     * Returns the areas, when all is there.
     *
     * @throws StreamException when it is not
     */
    public List<Staging> complete() {
        requireSound();
        if (!ended) {
            throw new StreamException(
                    "the stream is cut short: %d bytes, %d whole records, no end"
                            .formatted(taken, number));
        }
        return areas;
    }

    private int take(MemorySegment buffer, long at, int count) {
        if (ended) {
            throw new StreamException("the stream goes on behind its end");
        }
        int need =
                have < StreamRecord.HEADER
                        ? StreamRecord.HEADER - have
                        : StreamRecord.HEADER + record.length() - have;
        int n = Math.min(need, count);
        MemorySegment.copy(buffer, at, record.memory(), have, n);
        have += n;
        taken += n;
        if (have == StreamRecord.HEADER) {
            checkHeader();
        }
        if (have >= StreamRecord.HEADER && have == StreamRecord.HEADER + record.length()) {
            if (!record.hasSoundPayload()) {
                throw damaged("payload");
            }
            have = 0;
            number++;
            handle();
        }
        return n;
    }

    private StreamException damaged(String what) {
        return new StreamException(
                "the stream is damaged: the %s of record %d does not match its checksum"
                        .formatted(what, number));
    }

    private void checkHeader() {
        if (!record.hasSoundHeader()) {
            throw number == 0
                    ? new StreamException("this is no migration stream of Muser")
                    : damaged("header");
        }
        if (number == 0) {
            stream = record.stream();
        }
        if (record.stream() != stream) {
            throw new StreamException("record %d belongs to another stream".formatted(number));
        }
        if (record.number() != number) {
            throw new StreamException(
                    "record %d comes where record %d was expected"
                            .formatted(record.number(), number));
        }
        if ((number == 0) != (record.kind() == StreamRecord.BEGIN)) {
            throw new StreamException("the stream does not begin at its beginning");
        }
    }

    private void handle() {
        switch (record.kind()) {
            case StreamRecord.BEGIN -> begin(text());
            case StreamRecord.AREA -> announce(text());
            case StreamRecord.DATA -> data();
            case StreamRecord.NOTHING -> {}
            case StreamRecord.END -> ended = true;
            default ->
                    throw new StreamException(
                            "record %d is of kind %d, which this build does not know: it may be older"
                                            .formatted(number - 1, record.kind())
                                    + " than the sender's");
        }
    }

    private String text() {
        return new String(
                record.memory()
                        .asSlice(StreamRecord.HEADER, record.length())
                        .toArray(ValueLayout.JAVA_BYTE),
                US_ASCII);
    }

    private void begin(String text) {
        int end = text.indexOf('\n');
        var format = end < 0 ? text : text.substring(0, end);
        if (!format.startsWith(FORMAT)) {
            throw new StreamException("this is no migration stream of Muser");
        }
        if (!format.equals(FORMAT_LINE)) {
            throw new StreamException(
                    "the stream has format %s, and this build reads format 1: upgrade this side"
                            .formatted(format.substring(FORMAT.length())));
        }
        receiver.identity(text.substring(end + 1));
    }

    private void announce(String text) {
        var words = text.split(" ", -1);
        try {
            long length = Long.parseLong(words[2]);
            var name = words[0];
            if (length < 0
                    || words.length != 3
                    || record.area() != areas.size()
                    || areas.stream().anyMatch(known -> known.name().equals(name))) {
                throw new StreamException("area '%s' cannot be".formatted(text));
            }
            receiver.area(name, Integer.parseInt(words[1]), length);
            areas.add(new Staging(name, length));
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            throw new StreamException("area '%s' cannot be".formatted(text));
        }
    }

    private void data() {
        if (record.area() < 0 || record.area() >= areas.size()) {
            throw new StreamException(
                    "record %d is about area %d, of which nothing is known"
                            .formatted(number - 1, record.area()));
        }
        var area = areas.get(record.area());
        if (record.offset() < 0 || record.offset() > area.length() - record.length()) {
            throw new StreamException(
                    "record %d lies outside of %s".formatted(number - 1, area.name()));
        }
        area.write(record.offset(), record.memory(), StreamRecord.HEADER, record.length());
    }

    @Override
    public void close() {
        areas.forEach(Staging::close);
    }
}
