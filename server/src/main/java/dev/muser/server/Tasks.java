package dev.muser.server;

import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/** What other threads, and the loop itself, want the loop to do next. */
final class Tasks implements Source {
    /** Tasks of one turn, lest they keep clients waiting. */
    private static final int PER_TURN = 1024;

    private final ConcurrentLinkedQueue<Runnable> queue = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean signalled = new AtomicBoolean();
    private final Fd wakeUp = EventFd.create();
    private volatile boolean closed;
    private final MemorySegment scratch = Arena.ofAuto().allocate(8, 8);

    Fd fd() {
        return wakeUp;
    }

    /** Any thread. Returns false, and drops the task, when the loop has ended. */
    boolean add(Runnable task, boolean fromLoop) {
        if (closed) {
            return false;
        }
        queue.add(task);
        if (closed) {
            // Either the loop's end still finds it, or it is taken back here: never neither.
            return !queue.remove(task);
        }
        if (!fromLoop && signalled.compareAndSet(false, true)) {
            signal();
        }
        return true;
    }

    /** Never while the descriptor is being closed: its number may be another file's by then. */
    private synchronized void signal() {
        if (!closed) {
            EventFd.signal(wakeUp);
        }
    }

    @Override
    public void ready(int events) {
        EventFd.take(wakeUp, scratch);
        // Before the queue is looked at: whoever adds afterwards signals again.
        signalled.set(false);
    }

    boolean isEmpty() {
        return queue.isEmpty();
    }

    /** Runs those that were there when it was called, within the budget of a turn. */
    boolean run(Consumer<Runnable> runner) {
        if (queue.isEmpty()) {
            return false;
        }
        int n = Math.min(queue.size(), PER_TURN);
        for (int i = 0; i < n; i++) {
            var task = queue.poll();
            if (task == null) {
                break;
            }
            runner.accept(task);
        }
        return true;
    }

    /** Runs what is left, and takes no more. */
    void end(Consumer<Runnable> runner) {
        synchronized (this) {
            closed = true;
            wakeUp.close();
        }
        for (var task = queue.poll(); task != null; task = queue.poll()) {
            runner.accept(task);
        }
    }
}
