package dev.muser.devices.storage;

import dev.muser.device.EventLoop;
import dev.muser.linux.Errno;
import dev.muser.linux.IoUring;
import dev.muser.linux.SyscallException;
import dev.muser.service.DescriptorStore;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * A regular file or a block device as a disk. Data go directly between the file and the client's
 * memory.
 *
 * <p>The file is locked with {@code flock(2)} while it is open: exclusively, or shared with others
 * who only read. Between {@link #handOver} and {@link #takeOver}, and after it was opened
 * {@linkplain FileOptions#incoming for a disk that is still elsewhere}, it is not, and requests are
 * EBUSY. Its size is what it was when it was opened; what is read behind the end of a file that
 * somebody has cut is EIO.
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

    /** So long, in nanoseconds, {@link #quiesce} waits for the system. */
    private static final long PATIENCE = 1_000_000_000L;

    /** So long when the file has not answered before, nor since. */
    private static final long NO_PATIENCE = 20_000_000L;

    /** Closed while the system had their memory: it must stay. */
    private static final List<FileStorage> ABANDONED = new CopyOnWriteArrayList<>();

    private final OpenedImage image;
    private final @Nullable KeptImage kept;
    private final FileOptions options;
    private final Transfer[] transfers = new Transfer[TRANSFERS];
    private final Transfer[] idle = new Transfer[TRANSFERS];
    private final BounceBuffer.Pool bounces = new BounceBuffer.Pool(BOUNCE_BUFFERS);
    private final ArrayDeque<StorageRequest> waiting = new ArrayDeque<>();

    /** With a next call that has not begun. */
    private final ArrayDeque<Transfer> parked = new ArrayDeque<>();

    private final FileSteps steps;
    private final Runnable nextTurn = this::nextTurn;
    private int idleCount;

    /** Calls under way that use addresses of the client's memory. */
    private int touching;

    /** How many more bytes may be moved before the loop does something else. */
    private long budget;

    private long bytesAtOnce;

    /** Whether the rest begins in the next turn. */
    private boolean goesOn;

    /** Whether the file has not answered since {@link #quiesce} waited in vain. */
    private boolean silent;

    private boolean abandoned;

    /** Whether requests may reach the file: nobody has said that another process has it. */
    private boolean held;

    private @Nullable EventLoop loop;
    private @Nullable FileEngine engine;
    private volatile String engineName = "not started";

    private FileStorage(OpenedImage image, @Nullable KeptImage kept, FileOptions options) {
        this.image = image;
        this.kept = kept;
        this.options = options;
        for (int i = 0; i < TRANSFERS; i++) {
            transfers[i] = new Transfer(i);
            idle[i] = transfers[i];
        }
        idleCount = TRANSFERS;
        steps = new FileSteps(image);
        held = options.readOnly() || !options.incoming();
    }

    /**
     * Opens an image, and locks it unless that is for later.
     *
     * @throws StorageException with one line for the operator
     */
    public static FileStorage open(Path path, FileOptions options) {
        return open(path, options, DescriptorStore.NONE);
    }

    /**
     * As {@link #open(Path, FileOptions)}, with a lock that stays with {@code store} when the
     * process ends; a process before this one may have left it there. What the store has is the
     * image, also when the path leads to another file by now. It has the lock if that process had:
     * {@link #takeOver} makes sure.
     *
     * @param store for this image alone
     */
    public static FileStorage open(Path path, FileOptions options, DescriptorStore store) {
        if (options.engine() == FileOptions.Engine.URING) {
            var reason = IoUring.unavailable();
            if (reason != null) {
                throw new StorageException(
                        "%s; use threads for %s instead".formatted(reason, path));
            }
        }
        if (!store.isKept()) {
            return new FileStorage(OpenedImage.open(path, options), null, options);
        }
        var kept = KeptImage.open(path, options, store);
        return new FileStorage(kept.data(), kept, options);
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
    public void start(EventLoop newLoop) {
        loop = newLoop;
        start(createEngine(newLoop));
    }

    void start(FileEngine newEngine) {
        engine = newEngine;
        engineName = engine.describe();
        bytesAtOnce = engine.bytesAtOnce();
        budget = bytesAtOnce;
    }

    private FileEngine createEngine(EventLoop loop) {
        // calls of threads end with their process; see there
        boolean threadsOnly = options.direct() && kept != null && !kept.isFenced();
        if (threadsOnly && options.engine() == FileOptions.Engine.URING) {
            throw new StorageException(
                    "%s cannot be used by io_uring directly and outlive this process: use threads"
                            .formatted(image.path()));
        }
        if (!threadsOnly && options.engine() != FileOptions.Engine.THREADS) {
            try {
                return new UringEngine(this, image.fd(), options.direct(), transfers, loop);
            } catch (SyscallException e) {
                if (options.engine() == FileOptions.Engine.URING) {
                    throw new StorageException(
                            "%s cannot be served: %s".formatted(image.path(), e.getMessage()), e);
                }
                var why = e.getMessage();
                LOG.log(Level.DEBUG, "{0} is served by threads: {1}", image.path(), why);
            }
        }
        return new ThreadEngine(this, image.fd(), loop, options.threads());
    }

    private FileEngine running() {
        return Objects.requireNonNull(engine, "not started");
    }

    @Override
    public void submit(StorageRequest request) {
        int errno = held ? steps.refuse(request) : Errno.EBUSY;
        if (errno >= 0) {
            request.complete(errno);
        } else if (budget > 0 && waiting.isEmpty() && hasRoom(request)) {
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
        silent = false;
        touching -= transfer.touchesClient() ? 1 : 0;
        int errno = steps.next(transfer, result);
        if (errno < 0 && transfer.cancelled) {
            errno = Errno.ECANCELED;
        }
        proceed(transfer, errno);
    }

    /** The engine gives a call back that has not begun. */
    void recalled(Transfer transfer) {
        touching -= transfer.touchesClient() ? 1 : 0;
        parked.add(transfer);
    }

    /** Hot. Makes the next call, or completes the request with an errno that is not negative. */
    private void proceed(Transfer transfer, int errno) {
        if (errno >= 0) {
            end(transfer, errno);
        } else if (budget > 0) {
            budget -= transfer.moves() ? transfer.length : 0;
            touching += transfer.touchesClient() ? 1 : 0;
            running().begin(transfer);
        } else {
            parked.add(transfer);
        }
    }

    private void end(Transfer transfer, int errno) {
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
        if (!waiting.isEmpty() || !parked.isEmpty()) {
            settle();
        }
        budget = bytesAtOnce;
    }

    @Override
    public boolean poll() {
        budget = bytesAtOnce;
        if (!running().collect()) {
            return false;
        }
        settle();
        return true;
    }

    /** Hot. Whether the loop should do something else first. */
    boolean hasMovedEnough() {
        return budget <= 0;
    }

    /** Begins more. */
    void goOn() {
        budget = bytesAtOnce;
        settle();
    }

    /** Hot. Uses the room that there is, and begins what has come up; the rest in a later turn. */
    private void settle() {
        do {
            while (budget > 0 && !parked.isEmpty()) {
                var transfer = parked.remove();
                proceed(transfer, steps.again(transfer));
            }
            while (budget > 0 && canBeginMore()) {
                begin(waiting.remove());
            }
            running().kick(); // may make room at once
        } while (budget > 0 && (!parked.isEmpty() || canBeginMore()));
        goOnLater();
    }

    private boolean canBeginMore() {
        return !waiting.isEmpty() && hasRoom(waiting.element());
    }

    private void goOnLater() {
        if (!goesOn && loop != null && (!parked.isEmpty() || canBeginMore())) {
            goesOn = true;
            loop.execute(nextTurn);
        }
    }

    private void nextTurn() {
        goesOn = false;
        if (engine != null) {
            goOn();
        }
    }

    @Override
    public void polling(boolean on) {
        running().polling(on);
    }

    /** What has not begun is over now; the rest when the system says so. */
    @Override
    public void cancel() {
        if (engine == null) {
            return;
        }
        for (var transfer : transfers) {
            transfer.cancelled = !transfer.isFree();
        }
        engine.recall();
        // only those of now: a completion may bring the next
        for (int n = parked.size(); n > 0; n--) {
            end(parked.remove(), Errno.ECANCELED);
        }
        for (int n = waiting.size(); n > 0; n--) {
            waiting.remove().complete(Errno.ECANCELED);
        }
        engine.cancel();
        goOnLater();
    }

    /**
     * Waits for calls with addresses of the client's memory. Others, and what is left of requests,
     * go on afterwards.
     */
    @Override
    public void quiesce() {
        if (engine == null) {
            return;
        }
        budget = 0; // nothing new begins
        engine.recall();
        long patience = silent ? NO_PATIENCE : PATIENCE;
        long end = System.nanoTime() + patience;
        for (long left = patience; touching > 0 && left > 0; left = end - System.nanoTime()) {
            engine.await(left);
        }
        if (touching > 0 && !silent) {
            silent = true;
            LOG.log(
                    Level.ERROR,
                    "{0} does not answer: {1,number,#} calls to it can still read or write memory"
                            + " that its client has given up",
                    image.path(),
                    touching);
        }
        goOnLater();
    }

    /** Lets all requests come to their end, for a while. */
    private void finish(long patience) {
        long end = System.nanoTime() + patience;
        long left = patience;
        while (left > 0 && (idleCount < TRANSFERS || !waiting.isEmpty())) {
            goOn();
            running().await(left);
            left = end - System.nanoTime();
        }
    }

    @Override
    public Sharing sharing() {
        return image.info().readOnly() ? Sharing.NOBODY : Sharing.ONE_AT_A_TIME;
    }

    @Override
    public void handOver() {
        if (sharing() == Sharing.NOBODY) {
            return;
        }
        held = false;
        if (kept != null) {
            kept.unlock();
        } else {
            image.unlock();
        }
    }

    @Override
    public void takeOver() {
        if (kept != null) {
            kept.lock();
        } else {
            image.lock();
        }
        long size = image.presentSize();
        if (!held && size < info().size()) {
            handOver();
            throw new StorageException(
                    "%s has %d bytes, and had %d when it was opened"
                            .formatted(image.path(), size, info().size()));
        }
        held = true;
    }

    @Override
    public void forget() {
        if (kept != null) {
            kept.forget();
        }
    }

    @Override
    public void close() {
        if (engine != null) {
            finish(silent ? NO_PATIENCE : PATIENCE);
            if (idleCount < TRANSFERS || !waiting.isEmpty()) {
                cancel();
                finish(NO_PATIENCE);
            }
            if (idleCount == TRANSFERS) {
                engine.close();
            } else {
                abandon(engine);
            }
            engine = null;
        }
        if (kept != null) {
            kept.close();
        }
        if (!abandoned) {
            image.close();
        }
    }

    private void abandon(FileEngine running) {
        abandoned = true;
        ABANDONED.add(this);
        running.abandon();
        LOG.log(
                Level.ERROR,
                "{0} does not answer, and stays locked until this process ends",
                image.path());
    }
}
