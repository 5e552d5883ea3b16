package dev.muser.testkit.kept;

import dev.muser.device.pci.DeviceFactory;
import dev.muser.device.pci.PciDevice;
import dev.muser.server.DeviceServer;
import dev.muser.server.Keeping;
import dev.muser.server.Loop;
import dev.muser.server.LoopPolicy;
import dev.muser.server.ServerOptions;
import dev.muser.service.LocalStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CountDownLatch;

/** A device whose process is said to die: its loop stops where it is, and another one goes on. */
final class KeptServer implements AutoCloseable {
    final LocalStore store = new LocalStore();
    private final Path directory;
    private final DeviceFactory factory;
    private final ServerOptions options;
    private final List<Loop> frozen = new ArrayList<>();
    private final CountDownLatch over = new CountDownLatch(1);
    private Loop loop;
    private DeviceServer server;

    KeptServer(DeviceFactory factory, ServerOptions options) throws IOException {
        directory = Files.createTempDirectory("muser-kept");
        this.factory = factory;
        this.options = options;
        loop = Loop.start("kept-0", LoopPolicy.BLOCKING, OptionalInt.empty());
        server = serve();
    }

    Path socket() {
        return directory.resolve("s");
    }

    private DeviceServer serve() {
        return DeviceServer.keep(
                loop,
                (eventLoop, home) -> PciDevice.create(factory, eventLoop, home),
                socket(),
                options,
                new Keeping("a test's", store));
    }

    /** The process dies, between two requests; nothing is closed. */
    void die() throws InterruptedException {
        var stopped = new CountDownLatch(1);
        loop.execute(() -> {
            stopped.countDown();
            boolean interrupted = true;
            while (interrupted) {
                try {
                    over.await();
                    interrupted = false;
                } catch (InterruptedException e) {
                    // it is dead
                }
            }
        });
        stopped.await();
        frozen.add(loop);
    }

    /** Another process is started. */
    void startAgain() {
        loop = Loop.start("kept-" + frozen.size(), LoopPolicy.BLOCKING, OptionalInt.empty());
        server = serve();
    }

    void restart() throws InterruptedException {
        die();
        startAgain();
    }

    @Override
    public void close() throws IOException {
        server.close();
        loop.close();
        store.close();
        // What is dead stays so: its end would take what is no longer its own.
        Files.deleteIfExists(socket());
        Files.delete(directory);
    }
}
