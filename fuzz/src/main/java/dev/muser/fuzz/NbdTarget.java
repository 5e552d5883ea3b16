package dev.muser.fuzz;

import dev.muser.devices.storage.Storage;
import dev.muser.devices.storage.StorageException;
import dev.muser.devices.storage.StorageOperation;
import dev.muser.devices.storage.nbd.NbdOptions;
import dev.muser.devices.storage.nbd.NbdStorage;
import dev.muser.testkit.restart.CheckLoop;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * An NBD server that says what the bytes say, and a client that reads, writes and flushes: each
 * request ends, once.
 */
final class NbdTarget implements Target {
    /** Nothing here takes so long: it is a hang then. */
    private static final long PATIENCE_SECONDS = 20;

    private static final int BLOCK = 4096;
    private static final int DESCRIPTORS = 64;

    /** A server that says half of something, and no more, is given up after so long. */
    private static final Duration SILENCE = Duration.ofMillis(100);

    private static final int TURNS_PER_LOOK = 256;

    private static final NbdOptions OPTIONS =
            NbdOptions.DEFAULTS
                    .withConnections(1)
                    .withConnectTime(SILENCE)
                    .withReplyTime(SILENCE)
                    .withReconnectTime(Duration.ZERO);

    private final Path folder;
    private final Path socket;
    private final ServerSocketChannel listener;
    private final AtomicReference<@Nullable NbdScript> script = new AtomicReference<>();
    private final Semaphore ended = new Semaphore(0);
    private final int descriptors;
    private volatile boolean over;
    private volatile @Nullable RuntimeException failure;

    NbdTarget() {
        try {
            folder = Files.createTempDirectory("mfz");
            socket = folder.resolve("nbd");
            listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
            listener.bind(UnixDomainSocketAddress.of(socket));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Thread.ofPlatform().daemon().name("fuzz-nbd-server").start(this::serve);
        descriptors = Resources.descriptors();
    }

    private void serve() {
        while (true) {
            try (var channel = listener.accept()) {
                var now = script.getAndSet(null);
                if (now != null) { // else the client has come back, and is not expected
                    talk(now, channel);
                }
            } catch (IOException e) {
                return; // closed
            }
        }
    }

    private void talk(NbdScript now, SocketChannel channel) throws IOException {
        try {
            now.run(channel);
        } catch (IOException e) {
            // the client has left
        } catch (RuntimeException e) {
            failure = e;
        } finally {
            channel.close();
            over = true;
            ended.release();
        }
    }

    @Override
    public void run(Input input) {
        over = false;
        script.set(new NbdScript(input));
        var loop = new CheckLoop(() -> {});
        try (var storage = NbdStorage.open("nbd+unix:///?socket=" + socket, OPTIONS)) {
            storage.start(loop);
            use(storage, loop);
        } catch (StorageException e) {
            // what answers is no server, or not one to be used
        }
        awaitServer();
        var failed = failure;
        if (failed != null) {
            throw failed;
        }
        // the client's threads close theirs soon, but not at once
        int now = Resources.descriptors();
        Finding.unless(
                now < descriptors + DESCRIPTORS,
                "%d descriptors, and %d before".formatted(now, descriptors));
    }

    private void awaitServer() {
        try {
            Finding.unless(
                    ended.tryAcquire(PATIENCE_SECONDS, TimeUnit.SECONDS),
                    "the client does not leave");
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private void use(Storage storage, CheckLoop loop) {
        var requests = new ArrayList<BlockRequest>();
        var info = storage.info();
        for (int i = 0; i < 4 && (i + 1L) * 4 * BLOCK <= info.size(); i++) {
            var operation = i == 2 ? StorageOperation.WRITE : StorageOperation.READ;
            requests.add(new BlockRequest(operation, i * 4L * BLOCK, (1 + i) * BLOCK));
        }
        requests.add(new BlockRequest(StorageOperation.FLUSH, 0, 0));
        for (var request : requests) {
            storage.submit(request);
        }
        storage.kick();
        long began = System.nanoTime();
        for (int turn = 1; !isDone(requests); turn++) {
            storage.poll();
            loop.turn();
            if (over || turn % TURNS_PER_LOOK == 0) {
                loop.expire(true); // nobody comes back, or it may be silent
            }
            Thread.onSpinWait();
            Finding.unless(
                    System.nanoTime() - began < TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS),
                    "a request does not end");
        }
        storage.cancel();
        for (var request : requests) {
            Finding.unless(request.completions() == 1, "a request ends twice");
        }
    }

    private static boolean isDone(List<BlockRequest> requests) {
        for (var request : requests) {
            if (request.completions() == 0) {
                return false;
            }
        }
        return true;
    }

    @Override
    public void close() {
        try {
            listener.close();
            Files.deleteIfExists(socket);
            Files.deleteIfExists(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
