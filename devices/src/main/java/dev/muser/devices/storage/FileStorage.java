package dev.muser.devices.storage;

import dev.muser.device.EventLoop;
import dev.muser.linux.Errno;
import dev.muser.linux.IoUring;
import dev.muser.linux.SyscallException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A regular file or a block device as a disk. Data go directly between the file and the client's
 * memory.
 *
 * <p>The file is locked while it is open, with {@code flock(2)}: exclusively, or shared with others
 * who only read. Its size is what it was when it was opened; what is read behind the end of a file
 * that somebody has cut is EIO.
 *
 * <p>All methods but {@link #open}, {@link #info} and {@link #engine} belong to the thread of the
 * loop.
 */
public final class FileStorage implements Storage {
    private static final System.Logger LOG = System.getLogger(FileStorage.class.getName());

    /** Requests at the file at a time; more wait. */
    private static final int TRANSFERS = 256;

    /** 8 MiB of them. */
    private static final int BOUNCE_BUFFERS = 64;

    /** So long {@link #quiesce} lets requests come to their end before it gives them up. */
    private static final long PATIENCE = 1_000_000_000L;

    private final OpenedImage image;
    private final FileOptions options;
    private final Transfer[] transfers = new Transfer[TRANSFERS];
    private final Transfer[] idle = new Transfer[TRANSFERS];
    private final BounceBuffer.Pool bounces = new BounceBuffer.Pool(BOUNCE_BUFFERS);
    private final ArrayDeque<StorageRequest> waiting = new ArrayDeque<>();
    private final FileSteps steps;
    private int idleCount;
    private boolean givesUp;
    private @Nullable FileEngine engine;
    private volatile String engineName = "not started";

    private FileStorage(OpenedImage image, FileOptions options) {
        this.image = image;
        this.options = options;
        for (int i = 0; i < TRANSFERS; i++) {
            transfers[i] = new Transfer(i);
            idle[i] = transfers[i];
        }
        idleCount = TRANSFERS;
        steps = new FileSteps(image);
    }

    /**
     * Opens and locks an image.
     *
     * @throws StorageException with one line for the operator
     */
    public static FileStorage open(Path path, FileOptions options) {
        if (options.engine() == FileOptions.Engine.URING) {
            var reason = IoUring.unavailable();
            if (reason != null) {
                throw new StorageException(
                        "%s; use threads for %s instead".formatted(reason, path));
            }
        }
        return new FileStorage(OpenedImage.open(path, options), options);
    }

    @Override
    public StorageInfo info() {
        return image.info();
    }

    /** Says who makes the system calls, for people. */
    public String engine() {
        return engineName;
    }

    @Override
    public void start(EventLoop loop) {
        engine = createEngine(loop);
        engineName = engine.describe();
    }

    private FileEngine createEngine(EventLoop loop) {
        if (options.engine() != FileOptions.Engine.THREADS) {
            try {
                return new UringEngine(this, image.fd(), options.direct(), transfers, loop);
            } catch (SyscallException e) {
                if (options.engine() == FileOptions.Engine.URING) {
                    throw new StorageException(
                            "%s cannot be served: %s".formatted(image.path(), e.getMessage()), e);
                }
                LOG.log(
                        System.Logger.Level.DEBUG,
                        "{0} is served by threads: {1}",
                        image.path(),
                        e.getMessage());
            }
        }
        return new ThreadEngine(this, image.fd(), loop, options.threads());
    }

    private FileEngine running() {
        return Objects.requireNonNull(engine, "not started");
    }

    @Override
    public void submit(StorageRequest request) {
        int errno = steps.refuse(request);
        if (errno >= 0) {
            request.complete(errno);
        } else if (waiting.isEmpty() && hasRoom(request)) {
            begin(request);
        } else {
            waiting.add(request);
        }
    }

    private boolean hasRoom(StorageRequest request) {
        return idleCount > 0 && !(bounces.isEmpty() && steps.needsBounce(request));
    }

    private void begin(StorageRequest request) {
        var transfer = idle[--idleCount];
        transfer.use(request);
        transfer.bounce = steps.needsBounce(request) ? bounces.take() : null;
        proceed(transfer, steps.first(transfer));
    }

    /** Hot. The engine says what a call has come to. */
    void finished(Transfer transfer, long result) {
        int errno = steps.next(transfer, result);
        if (givesUp && errno < 0) {
            errno = Errno.ECANCELED;
        }
        proceed(transfer, errno);
    }

    /** Hot. Makes the next call, or completes the request with an errno that is not negative. */
    private void proceed(Transfer transfer, int errno) {
        if (errno < 0) {
            running().begin(transfer);
            return;
        }
        if (transfer.bounce != null) {
            bounces.give(transfer.bounce);
            transfer.bounce = null;
        }
        var request = transfer.release();
        idle[idleCount++] = transfer;
        request.complete(errno);
    }

    @Override
    public void kick() {
        running().kick();
        if (!waiting.isEmpty()) {
            settle();
        }
    }

    @Override
    public boolean poll() {
        if (!running().collect()) {
            return false;
        }
        settle();
        return true;
    }

    /** Hot. Uses the room that there is, and begins what has come up. */
    void settle() {
        do {
            while (!waiting.isEmpty() && hasRoom(waiting.element())) {
                begin(waiting.remove());
            }
            running().kick(); // may make room at once
        } while (!waiting.isEmpty() && hasRoom(waiting.element()));
    }

    @Override
    public void polling(boolean on) {
        running().polling(on);
    }

    /**
     * Lets all requests come to their end: most belong to clients who still want them. After a
     * second, those that have not begun are given up with ECANCELED.
     */
    @Override
    public void quiesce() {
        if (engine == null) {
            return;
        }
        long start = System.nanoTime();
        try {
            settle();
            while (idleCount < TRANSFERS || !waiting.isEmpty()) {
                if (!givesUp && System.nanoTime() - start > PATIENCE) {
                    givesUp = true;
                    giveUp();
                }
                engine.await();
                settle();
            }
        } finally {
            givesUp = false;
        }
    }

    private void giveUp() {
        for (var request = waiting.poll(); request != null; request = waiting.poll()) {
            request.complete(Errno.ECANCELED);
        }
        running().cancel();
    }

    @Override
    public void close() {
        if (engine != null) {
            quiesce();
            engine.close();
            engine = null;
        }
        image.close();
    }
}
