package dev.muser.devices.storage;

import org.jspecify.annotations.Nullable;

/** Transfers on their way from one thread to another, linked by {@link Transfer#next}. */
final class TransferQueue {
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
            boolean ignored = sleep(); // nobody interrupts a worker but by mistake
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

    /** Waits until there is one, and takes all. An interrupt is kept for later. */
    synchronized @Nullable Transfer awaitAll() {
        boolean interrupted = false;
        while (first == null) {
            interrupted |= sleep();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return take();
    }

    /** Returns whether it was interrupted. Also wakes for nothing. */
    @SuppressWarnings("WaitNotInLoop") // the callers loop
    private synchronized boolean sleep() {
        sleepers++;
        try {
            wait();
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
