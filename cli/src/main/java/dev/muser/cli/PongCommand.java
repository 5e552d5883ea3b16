package dev.muser.cli;

import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
import dev.muser.linux.Poll;
import dev.muser.linux.UnixListener;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/**
 * {@code muser pong}: answers one client with as many bytes as a vfio-user server would, and does
 * nothing else. What an exchange with it takes is the floor of what one with a device can take.
 */
@Command(name = "pong", hidden = true, description = "The far end of the demo's floor.")
final class PongCommand extends BaseCommand implements Callable<Integer> {
    // header 16 bytes; offset u64, region u32, count u32; then the data, 4 bytes
    static final int READ_REQUEST = 32;
    static final int READ_REPLY = 36;
    static final int WRITE_REQUEST = 36;
    static final int WRITE_REPLY = 32;
    static final int LONGEST = 36;

    @Parameters(paramLabel = "SOCKET")
    private Path path = Path.of("");

    @Override
    public Integer call() {
        try (var listener = UnixListener.bind(path, 1)) {
            var out = out();
            out.println("ready");
            out.flush();
            UnixSocket client = await(listener);
            return client == null ? ExitCode.FAILED : serve(client);
        }
    }

    private static @Nullable UnixSocket await(UnixListener listener) {
        Poll.await(listener.fd(), Poll.IN, Duration.ofSeconds(10));
        return listener.accept();
    }

    private static int serve(UnixSocket client) {
        var sender = new MessageSender();
        var buffer = Arena.ofAuto().allocate(LONGEST, 8);
        try (client;
                var receiver = new MessageReceiver(1)) {
            while (true) {
                int received = receiver.receive(client, buffer, 0, LONGEST, 0);
                if (received != READ_REQUEST && received != WRITE_REQUEST) {
                    return received == 0 ? ExitCode.OK : ExitCode.FAILED;
                }
                sender.send(
                        client, buffer, 0, received == READ_REQUEST ? READ_REPLY : WRITE_REPLY, 0);
            }
        }
    }
}
