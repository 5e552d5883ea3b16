package dev.muser.testkit.guest;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * What the guest says on its serial port, as lines and in a file. One thread reads, any thread
 * waits.
 */
final class Console {
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    // Guarded by the lock.
    private final List<String> lines = new ArrayList<>();
    private int next;
    private boolean ended;

    private final Thread reader;

    Console(BufferedReader in, Path file) throws IOException {
        var copy = Files.newBufferedWriter(file);
        reader = Thread.ofPlatform().daemon().name("guest-console").start(() -> read(in, copy));
    }

    private void read(BufferedReader in, BufferedWriter copy) {
        try (in;
                copy) {
            for (var line = in.readLine(); line != null; line = in.readLine()) {
                copy.write(line);
                copy.newLine();
                copy.flush();
                add(line);
            }
        } catch (IOException e) {
            add("the console cannot be read any more: " + e);
        } finally {
            lock.lock();
            try {
                ended = true;
                changed.signalAll();
            } finally {
                lock.unlock();
            }
        }
    }

    private void add(String line) {
        lock.lock();
        try {
            lines.add(line);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Waits for a line that starts with {@code marker}, after the one that was awaited before.
     *
     * @return the line, or null when it did not come in time or cannot come any more
     */
    @Nullable String await(String marker, Duration timeout) throws InterruptedException {
        var left = timeout.toNanos();
        lock.lock();
        try {
            for (var i = next; ; ) {
                for (; i < lines.size(); i++) {
                    if (lines.get(i).startsWith(marker)) {
                        next = i + 1;
                        return lines.get(i);
                    }
                }
                if (ended || left <= 0) {
                    return null;
                }
                left = changed.awaitNanos(left);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Returns whether nothing more can come. */
    boolean ended() {
        lock.lock();
        try {
            return ended;
        } finally {
            lock.unlock();
        }
    }

    /** Waits until all that the guest had said is read. */
    void drain(Duration timeout) throws InterruptedException {
        reader.join(TimeUnit.NANOSECONDS.toMillis(timeout.toNanos()));
    }

    List<String> lines() {
        lock.lock();
        try {
            return List.copyOf(lines);
        } finally {
            lock.unlock();
        }
    }
}
