package dev.muser.server;

import dev.muser.device.pci.DeviceFactory;
import dev.muser.device.pci.PciDevice;
import dev.muser.linux.UnixSocket;
import dev.muser.service.LocalStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Has a process that waits to go on where another stops do so for nothing a few times, so that
 * going on meets classes that are loaded and code that is compiled.
 */
public final class ResumeWarmUp {
    private static final int LIVES = 40;
    private static final Duration BETWEEN = Duration.ofNanos(1_500_000);

    private ResumeWarmUp() {}

    /**
     * Does it.
     *
     * @param factory makes a device of the kind that is to be gone on with, without what only one
     *     process can have
     * @throws IOException when there is no room for a socket
     * @throws dev.muser.linux.SyscallException when there are no descriptors left
     */
    public static void run(Loop loop, DeviceFactory factory) throws IOException {
        var folder = Files.createTempDirectory("muser");
        var path = folder.resolve("s");
        try (var store = new LocalStore()) {
            var server = serve(loop, factory, path, store);
            try (var client = UnixSocket.connect(path, Duration.ofSeconds(1));
                    var talk = new WarmUpTalk(client)) {
                boolean alive = talk.begin();
                for (int life = 1; alive && life < LIVES; life++) {
                    alive = talk.access(BETWEEN);
                    server.leave();
                    server = serve(loop, factory, path, store);
                }
                talk.access(BETWEEN);
            } finally {
                server.close();
            }
        } finally {
            Files.deleteIfExists(path);
            Files.deleteIfExists(folder);
        }
    }

    private static DeviceServer serve(
            Loop loop, DeviceFactory factory, Path path, LocalStore store) {
        return DeviceServer.keep(
                loop,
                (events, home) -> PciDevice.create(factory, events, home),
                path,
                ServerOptions.DEFAULTS,
                new Keeping("warm-up", store));
    }
}
