package dev.muser.keeper;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.muser.linux.Fd;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
import dev.muser.linux.UnixDatagramSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Where the device process says how it fares and what to keep: {@code $NOTIFY_SOCKET}.
 *
 * <p>The address is in no file system, so that nothing stays behind. Anybody on the machine can
 * send there: what does not come from the device process, as the kernel knows it, is dropped.
 */
final class NotifyListener implements AutoCloseable {
    /** systemd takes no longer message ({@code NOTIFY_BUFFER_MAX}). */
    private static final int MAX_MESSAGE = 4096;

    private final String address;
    private final UnixDatagramSocket socket;
    private final MemorySegment buffer = Arena.ofAuto().allocate(MAX_MESSAGE + 1);
    private final MessageReceiver receiver =
            new MessageReceiver(MessageSender.MAX_DESCRIPTORS, true);
    private int length;

    NotifyListener() {
        // the number is free again only when the keeper is gone, and its address with it
        address =
                "@muser-keeper-"
                        .concat(Long.toString(ProcessHandle.current().pid()))
                        .concat("-")
                        .concat(Long.toHexString(System.nanoTime()));
        socket = UnixDatagramSocket.bind(address);
    }

    /** Returns the address as {@code $NOTIFY_SOCKET} has it. */
    String address() {
        return address;
    }

    Fd fd() {
        return socket.fd();
    }

    /** Takes the next message off the socket, without waiting; returns whether there was one. */
    boolean next() {
        length = receiver.receive(socket, buffer, 0, MAX_MESSAGE + 1, MessageReceiver.DONT_WAIT);
        return length >= 0;
    }

    /** Returns what the message says if it comes from process {@code pid}, else null. */
    @Nullable Notification from(long pid) {
        var sender = receiver.sender();
        // only root can say another's number; and its user may have changed (serve --user)
        if (sender == null || sender.pid() != pid) {
            return null;
        }
        if (length > MAX_MESSAGE) {
            return null;
        }
        var bytes = new byte[length];
        MemorySegment.copy(buffer, JAVA_BYTE, 0, bytes, 0, length);
        return Notification.parse(new String(bytes, StandardCharsets.UTF_8));
    }

    /** Returns how many descriptors came with the message. */
    int descriptors() {
        return receiver.descriptors();
    }

    /** Whether descriptors were lost, since this process cannot open more. */
    boolean lostDescriptors() {
        return receiver.truncated();
    }

    /** Takes ownership of one of them; the others are closed with the next message. */
    Fd take(int index) {
        return receiver.take(index);
    }

    /** Closes what was not taken, at which a barrier's sender goes on. */
    void done() {
        receiver.closeRest();
    }

    @Override
    public void close() {
        receiver.close();
        socket.close();
    }
}
