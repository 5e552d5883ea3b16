package dev.muser.devices.storage;

import org.jspecify.annotations.Nullable;

/** Transfers on their way from one thread to another, linked by {@link Transfer#next}. */
final class TransferQueue {
    private static final long NANOSECONDS_PER_MILLISECOND = 1_000_000;

    private @Nullable Transfer first;
    private @Nullable Transfer last;
    private int sleepers;
    private boolean closed;

    /** Written under the lock, read without: a hint that looking pays. */
    private volatile boolean filled;

    /**
     * Hot. Adds a chain of {@code count}; whether there was nothing before, so that whoever takes
     * all of them must be told.
     */
    synchronized boolean add(Transfer chain, Transfer end, int count) {
        boolean wasEmpty = first == null;
        if (last == null) {
            first = chain;
        } else {
            last.next = chain;
        }
        last = end;
        filled = true;
        for (int i = Math.min(count, sleepers); i > 0; i--) {
            notify();
        }
        return wasEmpty;
    }

    /** Waits for one; null after {@link #close}. */
    synchronized @Nullable Transfer takeOne() {
        while (first == null) {
            if (closed) {
                return null;
            }
            boolean ignored = sleep(0); // nobody interrupts a worker but by mistake
        }
        var one = first;
        first = one.next;
        if (first == null) {
            last = null;
            filled = false;
        }
        return one;
    }

    /** Hot. Takes all there are, null for none. */
    @Nullable Transfer takeAll() {
        return filled ? take() : null;
    }

    private synchronized @Nullable Transfer take() {
        var all = first;
        first = null;
        last = null;
        filled = false;
        return all;
    }

    /**
     * Waits until there is one, but no longer than {@code nanoseconds}, and takes all. An interrupt
     * is kept for later.
     */
    synchronized @Nullable Transfer awaitAll(long nanoseconds) {
        long end = System.nanoTime() + nanoseconds;
        long left = nanoseconds;
        boolean interrupted = false;
        while (first == null && left > 0) {
            interrupted |= sleep(left / NANOSECONDS_PER_MILLISECOND + 1);
            left = end - System.nanoTime();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return take();
    }

    /** Returns whether it was interrupted. Also wakes for nothing. */
    @SuppressWarnings("WaitNotInLoop") // the callers loop
    private synchronized boolean sleep(long milliseconds) {
        sleepers++;
        try {
            wait(milliseconds);
            return false;
        } catch (InterruptedException e) {
            return true;
        } finally {
            sleepers--;
        }
    }

    /** Those who wait for one get null when there is none left. */
    synchronized void close() {
        closed = true;
        notifyAll();
    }
}
