package dev.muser.server;

import dev.muser.device.EventLoop;
import dev.muser.linux.Affinity;
import dev.muser.linux.Epoll;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFault;
import java.lang.System.Logger.Level;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.TimeZone;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A thread that serves devices: waits for their clients, runs their callbacks.
 *
 * <p>Only {@link #execute}, {@link #call} and {@link #close} may be called by other threads.
 */
public final class Loop implements EventLoop, AutoCloseable {
    private static final int EVENTS = 64;

    /** While it spins, this many sockets are read by turns; with more, epoll tells which. */
    private static final int POLLED_BY_TURNS = 8;

    /** While it spins, epoll is asked once in so many turns. */
    private static final int TURNS_PER_EPOLL = 64;

    /**
     * While devices poll, epoll is asked once after so many turns, or polls that found work: what
     * devices look at costs nanoseconds, a system call hundreds of them.
     */
    private static final int POLLS_PER_LOOK = 32;

    /** After so many turns without work, some tens of microseconds, it is quiet. */
    private static final int QUIET = 256;

    private final LoopPolicy policy;
    private final Thread thread;
    private final CompletableFuture<Void> started = new CompletableFuture<>();
    private final CountDownLatch ended = new CountDownLatch(1);
    private final Epoll epoll = new Epoll(EVENTS);
    private final Tasks tasks = new Tasks();
    private final Timers timers = new Timers();

    /** By token: the index that epoll gives back. */
    private final List<@Nullable Source> sources = new ArrayList<>();

    private final ArrayDeque<Integer> freeTokens = new ArrayDeque<>();

    /** Free after the present turn: until then epoll may still report what they stood for. */
    private final ArrayDeque<Integer> releasedTokens = new ArrayDeque<>();

    private final List<DeviceServer> servers = new ArrayList<>();

    private final List<Source> polled = new ArrayList<>();
    private final List<LoopPoller> pollers = new ArrayList<>();
    private final ArrayDeque<Source> again = new ArrayDeque<>();
    private final Buffers buffers = new Buffers();
    private final Consumer<Runnable> guard = this::runSafely;
    private final LogLimit logLimit = new LogLimit();
    private int quietTurns;
    private volatile boolean stopping;

    private Loop(String name, LoopPolicy policy, OptionalInt cpu) {
        this.policy = policy;
        register(tasks.fd(), Epoll.IN, tasks);
        register(timers.fd(), Epoll.IN, timers);
        thread = Thread.ofPlatform().name(name).unstarted(() -> run(cpu));
    }

    /**
     * Starts a loop on a thread of its own.
     *
     * @param cpu the CPU to pin the thread to, if any
     * @throws dev.muser.linux.SyscallException EINVAL when this process may not use such a CPU
     */
    public static Loop start(String name, LoopPolicy policy, OptionalInt cpu) {
        var loop = new Loop(name, policy, cpu);
        loop.thread.start();
        try {
            loop.started.join();
        } catch (CompletionException e) {
            loop.awaitEnd();
            switch (e.getCause()) {
                case RuntimeException cause -> throw cause;
                case Error cause -> throw cause;
                case null, default -> throw e;
            }
        }
        return loop;
    }

    /** {@inheritDoc} After the loop's end the task is dropped. */
    @Override
    public void execute(Runnable task) {
        submit(task);
    }

    /** As {@link #execute}; returns false when the loop has ended and the task will not run. */
    boolean submit(Runnable task) {
        return tasks.add(task, isLoopThread());
    }

    /**
     * Has the loop do something, and waits for what comes of it. Any thread.
     *
     * @throws IllegalStateException when the loop has ended; otherwise what {@code work} throws
     */
    public <T extends @Nullable Object> T call(Supplier<T> work) {
        if (isLoopThread()) {
            return work.get();
        }
        var result = new CompletableFuture<T>();
        boolean taken =
                submit(() -> {
                    try {
                        result.complete(work.get());
                    } catch (RuntimeException | Error e) {
                        result.completeExceptionally(e);
                    }
                });
        if (!taken) {
            throw new IllegalStateException("the loop has ended");
        }
        try {
            return result.join();
        } catch (CompletionException e) {
            switch (e.getCause()) {
                case RuntimeException cause -> throw cause;
                case Error cause -> throw cause;
                case null, default -> throw e;
            }
        }
    }

    @Override
    public Timer timer(Runnable task) {
        return timers.create(() -> runSafely(task));
    }

    @Override
    public Registration watch(Fd fd, Runnable readable) {
        return new Watch(fd, register(fd, Epoll.IN, events -> runSafely(readable)));
    }

    @Override
    public EventLoop.Poller poller(BooleanSupplier work) {
        return new LoopPoller(work);
    }

    @Override
    public boolean isQuiet() {
        return quietTurns >= QUIET;
    }

    /**
     * Ends the loop after its present turn, and closes the servers that are on it. Waits for the
     * thread, unless it is the caller. Idempotent.
     */
    @Override
    public void close() {
        stopping = true;
        execute(() -> {});
        if (!isLoopThread()) {
            awaitEnd();
        }
    }

    /** Waits for the thread to end. */
    void awaitEnd() {
        boolean interrupted = false;
        while (true) {
            try {
                ended.await();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    boolean isLoopThread() {
        return Thread.currentThread() == thread;
    }

    /** What the sessions of this loop share, since only one of them runs at a time. */
    Buffers buffers() {
        return buffers;
    }

    /** Waits for {@code interest} on behalf of {@code source}; returns its token. */
    int register(Fd fd, int interest, Source source) {
        Integer free = freeTokens.poll();
        int token = free == null ? sources.size() : free;
        epoll.add(fd, interest, token);
        if (free == null) {
            sources.add(source);
        } else {
            sources.set(token, source);
        }
        return token;
    }

    void modify(Fd fd, int interest, int token) {
        epoll.modify(fd, interest, token);
    }

    /** Call it once, and before the descriptor is closed. */
    void unregister(Fd fd, int token) {
        sources.set(token, null);
        releasedTokens.add(token);
        if (fd.isOpen()) { // else the kernel has forgotten it
            epoll.remove(fd);
        }
    }

    /** Has {@code server} told when the loop ends. */
    void addServer(DeviceServer server) {
        servers.add(server);
    }

    void removeServer(DeviceServer server) {
        servers.remove(server);
    }

    /** Has {@code source} polled while the loop spins, besides waiting for it. */
    void addPolled(Source source) {
        polled.add(source);
    }

    void removePolled(Source source) {
        polled.remove(source);
        again.remove(source);
    }

    /** Calls {@code source} in the next turn, since it has work that no descriptor tells of. */
    void again(Source source) {
        again.add(source);
    }

    private void run(OptionalInt cpu) {
        try {
            // The first log line of a process reads time zones from a file. When it comes at a time
            // without descriptors, java.util.logging is broken for good.
            TimeZone.getDefault();
            if (cpu.isPresent()) {
                Affinity.pin(cpu.getAsInt());
            }
            started.complete(null);
            turn();
        } catch (Throwable t) {
            HeapReserve.OF_LOOPS.releaseOn(t);
            if (!started.completeExceptionally(t)) { // else whoever started it is told
                log("it cannot go on", t);
            }
        } finally {
            tasks.end(guard);
            List.copyOf(servers).forEach(server -> runSafely(server::loopEnded));
            epoll.close();
            timers.close();
            ended.countDown();
        }
    }

    private void turn() {
        long spin = policy.spin().toNanos();
        long lastWork = System.nanoTime();
        int turns = 0;
        int untilLook = 0;
        while (!stopping) {
            boolean worked = false;
            boolean awake = policy.always() || !pollers.isEmpty();
            if (!awake && spin > 0) {
                awake = System.nanoTime() - lastWork < spin;
            }
            boolean polling = !pollers.isEmpty();
            if (polling && --untilLook > 0 && again.isEmpty()) {
                // only what devices poll, below
            } else if (awake && !polling && polled.size() <= POLLED_BY_TURNS) {
                for (int i = 0; i < polled.size(); i++) {
                    worked |= polled.get(i).poll();
                }
                // A client that used up its turn has made this one long.
                if (++turns % TURNS_PER_EPOLL == 0 || !again.isEmpty()) {
                    worked |= dispatch(0);
                }
                if (!worked) {
                    Thread.onSpinWait();
                }
            } else {
                untilLook = POLLS_PER_LOOK;
                boolean wait = !awake && again.isEmpty() && tasks.isEmpty();
                worked = dispatch(wait ? -1 : 0);
            }
            worked |= runAgain();
            worked |= tasks.run(guard);
            for (int i = 0; i < pollers.size(); i++) {
                if (pollers.get(i).poll()) {
                    worked = true;
                    untilLook--;
                }
            }
            quietTurns = worked ? 0 : quietTurns + 1;
            if (worked && spin > 0) {
                lastWork = System.nanoTime();
            }
        }
    }

    private boolean dispatch(int milliseconds) {
        int n = epoll.await(milliseconds);
        for (int i = 0; i < n; i++) {
            var source = sources.get((int) epoll.token(i));
            if (source != null) { // a source before it in the list may have unregistered it
                source.ready(epoll.happened(i));
            }
        }
        while (!releasedTokens.isEmpty()) {
            freeTokens.add(releasedTokens.remove());
        }
        return n > 0;
    }

    private boolean runAgain() {
        int n = again.size();
        for (int i = 0; i < n; i++) {
            var source = again.poll();
            if (source == null) {
                break;
            }
            source.ready(0);
        }
        return n > 0;
    }

    /** A device's task, whatever it throws, must not end the loop of the others. */
    private void runSafely(Runnable task) {
        try {
            task.run();
            MemoryFault.fence();
        } catch (Throwable t) {
            log("a device's task failed", t);
        }
    }

    private void log(String message, Throwable thrown) {
        HeapReserve.OF_SESSIONS.releaseOn(thrown);
        logLimit.log(Level.ERROR, "loop " + thread.getName() + ": " + message, thrown);
    }

    private final class Watch implements Registration {
        private final Fd fd;
        private final int token;
        private boolean closed;

        Watch(Fd fd, int token) {
            this.fd = fd;
            this.token = token;
        }

        @Override
        public void close() {
            if (!closed) { // later the token is another's
                closed = true;
                unregister(fd, token);
            }
        }
    }

    private final class LoopPoller implements EventLoop.Poller {
        private final BooleanSupplier supplier;
        private boolean started;
        private boolean closed;

        LoopPoller(BooleanSupplier supplier) {
            this.supplier = supplier;
        }

        @Override
        public void start() {
            if (!started && !closed) {
                started = true;
                pollers.add(this);
            }
        }

        @Override
        public void stop() {
            if (started) {
                started = false;
                pollers.remove(this);
            }
        }

        boolean poll() {
            try {
                boolean worked = supplier.getAsBoolean();
                MemoryFault.fence();
                return worked;
            } catch (Throwable t) {
                close();
                log("a device's poller failed and is not called any more", t);
                return false;
            }
        }

        @Override
        public void close() {
            closed = true;
            stop();
        }
    }
}
