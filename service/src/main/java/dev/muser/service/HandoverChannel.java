package dev.muser.service;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
import dev.muser.linux.Poll;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * One end of the stream by which a standby gets descriptors. Owned by one thread.
 *
 * <p>A message: length of what follows the header u32 @0, kind u8 @4, descriptors u16 @6; then, for
 * each descriptor, its name with its length in front, u8; or a text. The descriptors come with the
 * first byte.
 */
final class HandoverChannel implements AutoCloseable {
    /** Standby: I am warm. */
    static final int WARM = 1;

    /** To the standby: can you read these? They are not yours to keep. */
    static final int CHECK = 2;

    /** Standby: I can. */
    static final int FITS = 3;

    /** Standby: I cannot read these, or cannot go on from what I was given; a text says why. */
    static final int REFUSED = 4;

    /** To the standby: some of what you take over. */
    static final int PART = 5;

    /** To the standby: that was all; say when you could go on. */
    static final int END = 6;

    /** Standby: I could go on now. */
    static final int TAKEN = 7;

    /** To the standby: go on; with the process before, named by its number, if it lives. */
    static final int GO = 8;

    private static final int HEADER = 8;
    private static final int MAX_PAYLOAD = MessageSender.MAX_DESCRIPTORS * 256;

    /** What came: texts and descriptors belong to the receiver. */
    record Message(int kind, String text, List<NamedDescriptor> descriptors) {
        void close() {
            descriptors.forEach(each -> each.fd().close());
        }
    }

    private final UnixSocket socket;
    private final MemorySegment buffer = Arena.ofAuto().allocate(HEADER + MAX_PAYLOAD, 8);
    private final MessageSender sender = new MessageSender();
    private final MessageReceiver receiver = new MessageReceiver(MessageSender.MAX_DESCRIPTORS);

    HandoverChannel(UnixSocket socket) {
        this.socket = socket;
    }

    UnixSocket socket() {
        return socket;
    }

    /** Returns the time of {@link System#nanoTime} that is {@code timeout} away. */
    static long deadline(Duration timeout) {
        return System.nanoTime() + timeout.toNanos();
    }

    void send(int kind, String text, long deadline) throws HandoverException {
        var bytes = text.getBytes(StandardCharsets.UTF_8);
        int length = Math.min(bytes.length, MAX_PAYLOAD);
        MemorySegment.copy(bytes, 0, buffer, JAVA_BYTE, HEADER, length);
        send(kind, length, List.of(), deadline);
    }

    /** Sends up to 253 descriptors. */
    void send(int kind, List<NamedDescriptor> descriptors, long deadline) throws HandoverException {
        var files = new ArrayList<Fd>(descriptors.size());
        int at = HEADER;
        for (var each : descriptors) {
            var name = each.name().getBytes(StandardCharsets.US_ASCII);
            buffer.set(JAVA_BYTE, at, (byte) name.length);
            MemorySegment.copy(name, 0, buffer, JAVA_BYTE, at + 1, name.length);
            at += 1 + name.length;
            files.add(each.fd());
        }
        send(kind, at - HEADER, files, deadline);
    }

    private void send(int kind, int length, List<Fd> files, long deadline)
            throws HandoverException {
        buffer.set(JAVA_INT, 0, length);
        buffer.set(JAVA_BYTE, 4, (byte) kind);
        buffer.set(JAVA_SHORT, 6, (short) files.size());
        int sent = 0;
        while (sent < HEADER + length) {
            var now = sent == 0 ? files : List.<Fd>of();
            int n =
                    sender.send(
                            socket,
                            buffer,
                            sent,
                            HEADER + length - sent,
                            now,
                            MessageSender.DONT_WAIT);
            if (n >= 0) {
                sent += n;
            } else if (n == -Errno.EAGAIN) {
                await(Poll.OUT, deadline);
            } else if (n == -Errno.ETOOMANYREFS || n == -Errno.ENOBUFS || n == -Errno.ENOMEM) {
                pause(deadline);
            } else if (n != -Errno.EINTR) {
                throw new HandoverException("the other process is gone: " + Errno.describe(-n));
            }
        }
    }

    /**
     * Waits for the next message.
     *
     * @param deadline of {@link #deadline}; null to wait for ever
     */
    Message receive(@Nullable Long deadline) throws HandoverException {
        var files = new ArrayList<Fd>();
        try {
            fill(0, HEADER, files, deadline);
            int length = buffer.get(JAVA_INT, 0);
            int kind = buffer.get(JAVA_BYTE, 4);
            int count = Short.toUnsignedInt(buffer.get(JAVA_SHORT, 6));
            if (length < 0 || length > MAX_PAYLOAD) {
                throw malformed();
            }
            fill(HEADER, length, files, deadline);
            if (count != files.size()) {
                throw new HandoverException(
                        "%d descriptors came of %d: the limit of open files is too low"
                                .formatted(files.size(), count));
            }
            return count == 0
                    ? new Message(kind, text(HEADER, length), List.of())
                    : new Message(kind, "", named(length, files));
        } catch (HandoverException | RuntimeException e) {
            files.forEach(Fd::close);
            throw e;
        }
    }

    private List<NamedDescriptor> named(int length, List<Fd> files) throws HandoverException {
        var named = new ArrayList<NamedDescriptor>(files.size());
        int at = HEADER;
        for (var fd : files) {
            int characters = at < HEADER + length ? buffer.get(JAVA_BYTE, at) & 0xff : 0;
            if (characters == 0 || at + 1 + characters > HEADER + length) {
                throw malformed();
            }
            named.add(new NamedDescriptor(text(at + 1, characters), fd));
            at += 1 + characters;
        }
        return named;
    }

    private String text(int at, int length) {
        return new String(buffer.asSlice(at, length).toArray(JAVA_BYTE), StandardCharsets.UTF_8);
    }

    private void fill(int at, int length, List<Fd> files, @Nullable Long deadline)
            throws HandoverException {
        int received = 0;
        while (received < length) {
            int n =
                    receiver.receive(
                            socket,
                            buffer,
                            at + received,
                            length - received,
                            MessageReceiver.DONT_WAIT);
            if (n > 0) {
                received += n;
                for (int i = 0; i < receiver.descriptors(); i++) {
                    files.add(receiver.take(i));
                }
            } else if (n == -Errno.EAGAIN) {
                await(Poll.IN, deadline);
            } else if (n != -Errno.EINTR) {
                throw new HandoverException(
                        "the other process is gone" + (n < 0 ? ": " + Errno.describe(-n) : ""));
            }
        }
    }

    private void await(int interest, @Nullable Long deadline) throws HandoverException {
        var left =
                deadline == null
                        ? null
                        : Duration.ofNanos(Math.max(0, deadline - System.nanoTime()));
        if (!Poll.await(socket.fd(), interest, left)) {
            throw new HandoverException("the other process does not answer in time");
        }
    }

    private static void pause(long deadline) throws HandoverException {
        if (System.nanoTime() - deadline >= 0) {
            throw new HandoverException("the kernel takes no more descriptors under way");
        }
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
    }

    private static HandoverException malformed() {
        return new HandoverException("the other process speaks another protocol");
    }

    @Override
    public void close() {
        receiver.close();
        socket.close();
    }
}
