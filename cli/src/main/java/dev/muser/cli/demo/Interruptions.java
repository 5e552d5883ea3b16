package dev.muser.cli.demo;

import dev.muser.cli.UserError;
import dev.muser.cli.control.ServingProcess;
import java.time.Duration;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Kills the process of a disk that is under load, again and again at moments of chance, and has it
 * upgraded once in the middle. A thread of its own does so; any thread may ask how it goes.
 */
public final class Interruptions implements AutoCloseable {
    private static final long LEAST_MS = 1_000;
    private static final long MORE_MS = 500;

    private final ServingProcess process;
    private final DiskWorkload work;
    private final int kills;
    private final SplittableRandom random = new SplittableRandom();
    private final Queue<String> news = new ConcurrentLinkedQueue<>();
    private final Thread thread;
    private final AtomicInteger over = new AtomicInteger();
    private volatile boolean ended;
    private volatile String complaint = "";

    private interface Event {
        /** Makes the process end; returns which one it was. */
        long run();
    }

    /** Begins. */
    public Interruptions(ServingProcess process, DiskWorkload work, int kills) {
        this.process = process;
        this.work = work;
        this.kills = kills;
        thread = Thread.ofPlatform().daemon().name("interruptions").start(this::run);
    }

    /** How long all of them take, more or less. */
    public static Duration expected(int kills) {
        return Duration.ofMillis((kills + 1) * (LEAST_MS + MORE_MS / 2) + LEAST_MS);
    }

    private void run() {
        try {
            pause();
            for (int i = 0; i < kills; i++) {
                if (i == kills / 2) {
                    interrupt("upgraded", process::upgrade);
                }
                interrupt("killed", this::kill);
            }
        } catch (UserError e) {
            complaint = String.valueOf(e.getMessage());
        } catch (InterruptedException e) {
            // nobody wants to know any more
        }
        ended = true;
    }

    /** A command that the old process had begun counts, and all until the next interruption. */
    private void interrupt(String what, Event event) throws InterruptedException {
        var pause = new LongestCommand();
        work.watch(pause);
        long before = event.run();
        long next = process.awaitOther(before);
        pause();
        work.watch(null);
        news.add(
                "  %3d  %-8s  process %d, and %d went on; the longest command took %.1f ms"
                        .formatted(
                                over.incrementAndGet(),
                                what,
                                before,
                                next,
                                pause.nanoseconds() / 1e6));
    }

    private long kill() {
        long id = process.id();
        if (!ProcessHandle.of(id).map(ProcessHandle::destroyForcibly).orElse(false)) {
            throw new UserError("process " + id + " could not be killed");
        }
        return id;
    }

    private void pause() throws InterruptedException {
        Thread.sleep(LEAST_MS + random.nextLong(MORE_MS));
    }

    /** Which part of them is over, 0 to 1. */
    public double done() {
        return ended ? 1 : over.get() / (kills + 1.0);
    }

    /** Returns a line for each that is over, then null. */
    public @Nullable String news() {
        return news.poll();
    }

    /** Why the disk is no longer served; empty when it is. */
    public String complaint() {
        return complaint;
    }

    /** Ends it, at the latest in a moment. */
    @Override
    public void close() {
        thread.interrupt();
    }
}
