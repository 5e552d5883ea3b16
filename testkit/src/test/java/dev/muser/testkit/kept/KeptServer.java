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
import java.util.concurrent.Semaphore;

/**
 * A device whose process is said to die: its loop stops where it is, for good, and another one goes
 * on. Only when all is over do the dead come to an end, so that nothing of them is left.
 */
final class KeptServer implements AutoCloseable {
    /** Ends what is dead. */
    private static final class Over extends Error {
        private static final long serialVersionUID = 1L;

        Over() {
            super("this process is dead", null, false, false); // a trace of each would fill the log
        }
    }

    final LocalStore store = new LocalStore();
    private final Path directory;
    private final DeviceFactory factory;
    private final ServerOptions options;
    private final Steps steps;
    private final List<Loop> loops = new ArrayList<>();
    private final CountDownLatch over = new CountDownLatch(1);
    private final Semaphore deaths = new Semaphore(0);
    private DeviceServer server;
    private volatile boolean dead;

    /** Decides when a process dies. */
    interface Steps {
        /** Whether the process dies before its next step. On the loop's thread. */
        boolean isLast();
    }

    KeptServer(DeviceFactory factory, ServerOptions options) throws IOException {
        this(factory, options, () -> false);
    }

    /**
     * @param steps is asked before each change of the state and each commit
     */
    KeptServer(DeviceFactory factory, ServerOptions options, Steps steps) throws IOException {
        directory = Files.createTempDirectory("muser-kept");
        this.factory = factory;
        this.options = options;
        this.steps = steps;
        server = serve();
    }

    Path socket() {
        return directory.resolve("s");
    }

    private DeviceServer serve() {
        var loop = Loop.start("kept-" + loops.size(), LoopPolicy.BLOCKING, OptionalInt.empty());
        loops.add(loop);
        return DeviceServer.keep(
                loop,
                (eventLoop, home) -> {
                    home.segment().onStep(new Life());
                    return PciDevice.create(factory, eventLoop, home);
                },
                socket(),
                options,
                new Keeping("a test's", store));
    }

    /** What a process is asked before each step. */
    private final class Life implements Runnable {
        private boolean dead;

        @Override
        public void run() {
            // between accepting a client and keeping it nobody could go on with it
            boolean dies = !dead && store.names().contains("conn") && steps.isLast();
            if (dies && over.getCount() != 0) {
                dead = true;
                beDead();
            }
            if (dead) {
                throw new Over();
            }
        }
    }

    private void beDead() {
        dead = true;
        deaths.release();
        boolean waiting = true;
        while (waiting) {
            try {
                over.await();
                waiting = false;
            } catch (InterruptedException e) {
                // it is dead
            }
        }
    }

    /** The process dies, between two requests; nothing is closed. */
    void die() throws InterruptedException {
        loops.getLast().execute(this::beDead);
        awaitDeath();
    }

    void awaitDeath() throws InterruptedException {
        deaths.acquire();
    }

    /** Whether one has died since the last time. */
    boolean hasDied() {
        return deaths.tryAcquire();
    }

    /** Another process is started. */
    void startAgain() {
        server = serve();
        dead = false;
    }

    void restart() throws InterruptedException {
        die();
        startAgain();
    }

    @Override
    public void close() throws IOException {
        over.countDown();
        if (!dead) {
            server.close();
        }
        store.close();
        loops.forEach(Loop::close);
        Files.deleteIfExists(socket());
        Files.delete(directory);
    }
}
