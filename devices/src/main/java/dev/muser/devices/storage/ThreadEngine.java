package dev.muser.devices.storage;

import dev.muser.device.EventLoop;
import dev.muser.linux.Affinity;
import dev.muser.linux.BlockDevice;
import dev.muser.linux.DiskFile;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.SyscallException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * System calls by threads that wait for them. Calls go to the threads, and their results back to
 * the loop's thread, through two {@link TransferQueue}s. Threads start as there is work for them.
 */
final class ThreadEngine implements FileEngine {
    private final FileStorage storage;
    private final Fd file;
    private final EventLoop loop;
    private final int most;
    private final TransferQueue calls = new TransferQueue();
    private final TransferQueue results = new TransferQueue();
    private final List<Thread> threads = new ArrayList<>();
    private final Runnable wake = this::woken;

    /** Taken by {@link #begin}, not handed to the threads yet. */
    private @Nullable Transfer first;

    private @Nullable Transfer last;

    /** Done, and not told to the storage yet. */
    private @Nullable Transfer done;

    private int waiting;
    private int underWay;
    private volatile boolean polling;
    private boolean closed;

    ThreadEngine(FileStorage storage, Fd file, EventLoop loop, int most) {
        this.storage = storage;
        this.file = file;
        this.loop = loop;
        this.most = most;
    }

    @Override
    public void begin(Transfer transfer) {
        transfer.next = null;
        if (last == null) {
            first = transfer;
        } else {
            last.next = transfer;
        }
        last = transfer;
        waiting++;
    }

    @Override
    public void kick() {
        if (first == null || last == null) {
            return;
        }
        underWay += waiting;
        while (threads.size() < Math.min(most, underWay)) {
            threads.add(
                    Thread.ofPlatform()
                            .daemon()
                            .name("muser-file-" + threads.size())
                            .start(this::work));
        }
        calls.add(first, last, waiting);
        first = null;
        last = null;
        waiting = 0;
    }

    private void work() {
        leaveTheLoopsCpu();
        var range = Arena.ofAuto().allocate(16, 8);
        while (true) {
            var transfer = calls.takeOne();
            if (transfer == null) {
                return;
            }
            long result;
            try {
                result = make(transfer, range);
            } catch (RuntimeException | Error e) {
                result = -Errno.EIO; // one call, not the thread
            }
            transfer.result = result;
            transfer.next = null;
            if (results.add(transfer, transfer, 1) && !polling) {
                loop.execute(wake);
            }
        }
    }

    /** A thread inherits the CPUs of the one that starts it, which may be pinned and poll. */
    private static void leaveTheLoopsCpu() {
        try {
            Affinity.set(Affinity.ofProcess());
        } catch (SyscallException e) {
            // forbidden here: slower, not wrong
        }
    }

    private long make(Transfer t, MemorySegment range) {
        return switch (t.call) {
            case READ -> DiskFile.read(file, t.position, t.vector);
            case WRITE -> DiskFile.write(file, t.position, t.vector, t.flags);
            case SYNC -> DiskFile.syncData(file);
            case ALLOCATE -> DiskFile.allocate(file, t.flags, t.position, t.length);
            case DISCARD -> BlockDevice.discard(file, t.position, t.length, range);
        };
    }

    private void woken() {
        if (!closed) {
            storage.poll();
        }
    }

    @Override
    public boolean collect() {
        return finish(results.takeAll());
    }

    /** Finishes what is done, also what an exception left in the midst of it. */
    private boolean finish(@Nullable Transfer more) {
        if (done == null) {
            done = more;
        } else {
            var end = done;
            while (end.next != null) {
                end = end.next;
            }
            end.next = more;
        }
        boolean any = false;
        for (var one = done; one != null; one = done) {
            done = one.next; // before anything can fail
            underWay--;
            any = true;
            storage.finished(one, one.result);
        }
        return any;
    }

    @Override
    public void await(long nanoseconds) {
        kick();
        if (done != null) {
            finish(null);
        } else if (underWay > 0) {
            finish(results.awaitAll(nanoseconds));
        }
    }

    @Override
    public void recall() {
        kick(); // to have them in one queue
        var one = calls.takeAll();
        while (one != null) {
            var next = one.next;
            underWay--;
            storage.recalled(one);
            one = next;
        }
    }

    @Override
    public void cancel() {
        // a thread inside a system call cannot be called back
    }

    @Override
    public long bytesAtOnce() {
        return Long.MAX_VALUE; // others move them
    }

    @Override
    public void abandon() {
        closed = true;
        calls.close();
    }

    @Override
    public void polling(boolean on) {
        polling = on;
    }

    @Override
    public String describe() {
        return most == 1 ? "1 thread" : "up to " + most + " threads";
    }

    @Override
    public void close() {
        closed = true;
        calls.close();
        boolean interrupted = false;
        for (var thread : threads) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
