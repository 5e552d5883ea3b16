package dev.muser.cli.control;

import dev.muser.linux.Errno;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
import dev.muser.linux.UnixSocket;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Lines of text over a socket, neither too long nor too slow. Belongs to one thread. */
final class Lines implements AutoCloseable {
    private static final int AT_ONCE = 4096;

    private final UnixSocket socket;
    private final int longest;
    private final long patience;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment buffer = arena.allocate(AT_ONCE, 8);
    private final MessageReceiver receiver = new MessageReceiver(1);
    private final MessageSender sender = new MessageSender();
    private int begin;
    private int end;

    /**
     * @param socket closed with this
     * @param longest most bytes of a line that is received
     * @param patience how long a whole line may take
     */
    Lines(UnixSocket socket, int longest, Duration patience) {
        this.socket = socket;
        this.longest = longest;
        this.patience = patience.toNanos();
        socket.timeout(patience);
    }

    /**
     * Returns the next line; null at the end.
     *
     * @throws IOException when it is too long, or does not come
     */
    @Nullable String read() throws IOException {
        var line = new ByteArrayOutputStream();
        long deadline = System.nanoTime() + patience;
        while (true) {
            while (begin < end) {
                byte b = buffer.get(ValueLayout.JAVA_BYTE, begin++);
                if (b == '\n') {
                    return line.toString(StandardCharsets.UTF_8);
                }
                line.write(b);
            }
            if (line.size() > longest) {
                throw new IOException("a line of more than %d bytes".formatted(longest));
            }
            if (deadline - System.nanoTime() <= 0) {
                throw new IOException("no whole line in time");
            }
            if (!fill()) {
                return null;
            }
        }
    }

    private boolean fill() throws IOException {
        int n = receiver.receive(socket, buffer, 0, AT_ONCE, 0);
        receiver.closeRest(); // nobody asked for descriptors
        if (n < 0 && n != -Errno.EINTR) {
            throw new IOException(Errno.describe(-n));
        }
        begin = 0;
        end = Math.max(n, 0);
        return n != 0;
    }

    /** Sends a line. */
    void write(String line) throws IOException {
        var bytes = (line + "\n").getBytes(StandardCharsets.UTF_8);
        try (var temporary = Arena.ofConfined()) {
            var memory = temporary.allocate(bytes.length, 8);
            MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, 0, bytes.length);
            for (int at = 0; at < bytes.length; ) {
                int n = sender.send(socket, memory, at, bytes.length - at, 0);
                if (n < 0 && n != -Errno.EINTR) {
                    throw new IOException(Errno.describe(-n));
                }
                at += Math.max(n, 0);
            }
        }
    }

    @Override
    public void close() {
        receiver.close();
        socket.close();
        arena.close();
    }
}
