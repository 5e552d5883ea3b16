package dev.muser.cli;

import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** The nearer end of a bare exchange; {@link PongCommand} is the other. */
final class Ping implements AutoCloseable {
    private final UnixSocket socket;
    private final MessageSender sender = new MessageSender();
    private final MessageReceiver receiver = new MessageReceiver(1);
    private final MemorySegment buffer = Arena.ofAuto().allocate(PongCommand.LONGEST, 8);

    Ping(Path path) {
        socket = UnixSocket.connect(path);
    }

    /** Hot. Sends a request of so many bytes and waits for a reply of so many. */
    void exchange(int request, int reply) {
        int sent = sender.send(socket, buffer, 0, request, 0);
        int received = receiver.receive(socket, buffer, 0, PongCommand.LONGEST, 0);
        if (sent != request || received != reply) {
            throw new IllegalStateException(
                    "bare socket: sent %d of %d bytes, received %d of %d"
                            .formatted(sent, request, received, reply));
        }
    }

    @Override
    public void close() {
        socket.close();
        receiver.close();
    }
}
