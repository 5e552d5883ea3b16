package dev.muser.devices.storage;

import dev.muser.device.EventLoop;
import dev.muser.linux.DiskFile;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.IoUring;
import dev.muser.linux.Poll;
import dev.muser.linux.SyscallException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * System calls by io_uring, on the loop's thread. While the disk polls, the ring is all there is to
 * look at; else an eventfd wakes the loop.
 */
final class UringEngine implements FileEngine {
    /** The token of what has no transfer. */
    private static final long CANCEL = -1;

    /** After so many rounds the loop does something else first. */
    private static final int ROUNDS = 16;

    /** After so many looks at the ring in vain, workers of this process have the CPU. */
    private static final int LOOKS_TO_YIELD = 2;

    /** After so many, some 100 microseconds, anybody who waits for it. */
    private static final int LOOKS_TO_DOZE = 1000;

    /**
     * So many direct calls begin at a time: the disk has the first while the next are made ready. A
     * virtual disk may need 10 microseconds for each call; to hear of 32 at once costs it 80.
     */
    private static final int DIRECT_AT_A_TIME = 2;

    /** So many reads go by the ring after one that was not in the page cache. */
    private static final int READS_AFTER_MISS = 16;

    /** What the page cache has is copied while calls begin. */
    private static final long CACHED_AT_ONCE = 1L << 20;

    /** Of what is not, pages are only looked up. */
    private static final long DIRECT_AT_ONCE = 8L << 20;

    /** The longest doze, in nanoseconds. */
    private static final long NAP = 100_000_000;

    /** So long, in nanoseconds, unless there is a completion; a doorbell may wait as long. */
    private static final long DOZE = 30_000;

    private final FileStorage storage;
    private final Fd file;
    private final boolean direct;
    private final Transfer[] transfers;
    private final IoUring ring;
    private final EventLoop loop;
    private final Fd wake = EventFd.create();
    private final MemorySegment scratch = Arena.ofAuto().allocate(8, 8);
    private final EventLoop.Registration watch;
    private final Runnable again = this::kickAgain;

    /** The only read that has come since the last kick: perhaps the page cache has it. */
    private @Nullable Transfer lone;

    /** Reads that go by the ring in any case. */
    private int readsByRing;

    /** Calls under way that may take workers of the kernel. */
    private int workers;

    private int looks;
    private boolean polling;
    private boolean draining;
    private boolean closed;

    /**
     * @throws SyscallException when there is no io_uring
     */
    UringEngine(
            FileStorage storage, Fd file, boolean direct, Transfer[] transfers, EventLoop loop) {
        this.storage = storage;
        this.file = file;
        this.direct = direct;
        this.transfers = transfers;
        this.loop = loop;
        try {
            // one entry more than requests, to cancel
            ring = IoUring.open(file, Integer.highestOneBit(transfers.length) * 2);
        } catch (SyscallException e) {
            wake.close();
            throw e;
        }
        try {
            ring.notify(wake);
        } catch (SyscallException e) {
            ring.close();
            wake.close();
            throw e;
        }
        watch = loop.watch(wake, this::ready);
    }

    @Override
    public void begin(Transfer t) {
        if (!direct && t.call == Transfer.Call.READ && ring.prepared() == 0 && lone == null) {
            if (readsByRing == 0) {
                lone = t;
                return;
            }
            readsByRing--;
        }
        prepareLone();
        prepare(t);
    }

    private void prepareLone() {
        var t = lone;
        if (t != null) {
            lone = null;
            prepare(t);
        }
    }

    private void prepare(Transfer t) {
        workers += workersFor(t);
        switch (t.call) {
            case READ -> {
                if (t.vector.count() == 1) {
                    ring.read(t.position, t.address, (int) t.length, t.index);
                } else {
                    ring.read(t.position, t.vector, t.index);
                }
            }
            case WRITE -> {
                if (t.vector.count() == 1) {
                    ring.write(t.position, t.address, (int) t.length, t.flags, t.index);
                } else {
                    ring.write(t.position, t.vector, t.flags, t.index);
                }
            }
            case SYNC -> ring.syncData(t.index);
            case ALLOCATE -> ring.allocate(t.flags, t.position, t.length, t.index);
            case DISCARD -> ring.discard(t.position, t.length, t.index);
        }
    }

    /** A read is completed by the disk's interrupt, or by this thread. */
    private static int workersFor(Transfer t) {
        return t.call == Transfer.Call.READ ? 0 : 1;
    }

    /** Hot. Makes a read without the ring, which takes longer than to copy 4 KiB. */
    private void readLone() {
        if (lone == null || draining) {
            return;
        }
        draining = true;
        try {
            for (var t = lone; t != null; t = lone) {
                lone = null;
                long result = DiskFile.readCached(file, t.position, t.vector);
                if (result > 0) {
                    storage.finished(t, result);
                } else { // the ring waits for the disk, or says what is wrong
                    readsByRing = READS_AFTER_MISS;
                    prepare(t);
                }
            }
        } finally {
            draining = false;
        }
    }

    @Override
    public void kick() {
        readLone();
        boolean more = ring.prepared() > 0;
        while (more) {
            // what completes at once, as reads from the page cache do, need wake nobody
            if (!polling) {
                ring.notify(false);
            }
            boolean begun = submit();
            if (!polling) {
                ring.notify(true);
            }
            drain();
            readLone();
            // the next calls of what has completed; and what completed while nobody was notified
            more =
                    begun
                            && !draining
                            && (ring.prepared() > 0 || (!polling && ring.wantsToBeEntered()));
        }
    }

    private void kickAgain() {
        if (!closed) {
            storage.goOn();
        }
    }

    /** Returns whether all was begun; else it is tried again later. */
    private boolean submit() {
        int result;
        int before;
        do {
            before = ring.prepared();
            result = ring.submit(direct ? DIRECT_AT_A_TIME : before);
        } while (result == 0 && ring.prepared() > 0 && ring.prepared() < before);
        if (result != 0
                && result != -Errno.EINTR
                && result != -Errno.EAGAIN
                && result != -Errno.EBUSY) {
            throw new SyscallException("io_uring_enter", -result);
        }
        if (ring.prepared() == 0) {
            return true;
        }
        // the kernel is short of memory, or busy with what it has: reaping makes room
        loop.execute(again);
        return false;
    }

    @Override
    public boolean collect() {
        boolean any = drain();
        if (!any && ring.wantsToBeEntered()) {
            submit();
            any = drain();
        }
        if (any) {
            looks = 0;
        } else if (polling && ring.underWay() > 0) {
            makeRoom(++looks);
        }
        return any;
    }

    /**
     * Lets others have this CPU who complete what this one waits for. Those who write to the page
     * cache belong to this process, and to this CPU if the loop does: for them it is enough to
     * yield, and a timer would cost more than they do. Those who start and complete direct calls
     * may not: before the scheduler takes a CPU from a process that only yields, milliseconds can
     * pass. That is rare, and so is this sleep.
     */
    @SuppressWarnings("ThreadPriorityCheck") // nothing is right or wrong by it, only fast or slow
    private void makeRoom(int vainLooks) {
        if (vainLooks >= LOOKS_TO_DOZE && loop.isQuiet()) {
            looks = 0;
            if (ring.doze(DOZE)) {
                return;
            }
        }
        if (workers > 0 && vainLooks % LOOKS_TO_YIELD == 0) {
            Thread.yield();
        }
    }

    private boolean drain() {
        if (draining) {
            return false; // called by a request that is being completed
        }
        draining = true;
        boolean any = false;
        try {
            while (ring.reap()) {
                if (ring.token() != CANCEL) {
                    any = true;
                    var transfer = transfers[(int) ring.token()];
                    workers -= workersFor(transfer);
                    storage.finished(transfer, ring.result());
                }
            }
        } finally {
            draining = false;
        }
        return any;
    }

    /** The eventfd says that there are completions. */
    private void ready() {
        EventFd.take(wake, scratch);
        for (int i = 0; i < ROUNDS; i++) {
            if (!storage.poll()) {
                return;
            }
            if (storage.hasMovedEnough()) {
                break;
            }
        }
        EventFd.signal(wake);
    }

    @Override
    public void await(long nanoseconds) {
        kick();
        if (collect() || ring.underWay() == 0) {
            return;
        }
        if (!ring.doze(Math.min(nanoseconds, NAP))) {
            ring.notify(true);
            if (!drain() && Poll.await(wake, Poll.IN, Duration.ofNanos(nanoseconds))) {
                EventFd.take(wake, scratch);
            }
            ring.notify(!polling);
        }
        drain();
    }

    @Override
    public void recall() {
        kick(); // what the ring has taken is as good as begun
    }

    @Override
    public long bytesAtOnce() {
        return direct ? DIRECT_AT_ONCE : CACHED_AT_ONCE;
    }

    @Override
    public void abandon() {
        closed = true;
        watch.close();
    }

    @Override
    public void cancel() {
        if (ring.free() > 0) {
            ring.cancelAll(CANCEL);
            kick();
        }
    }

    @Override
    public void polling(boolean on) {
        polling = on;
        ring.notify(!on);
    }

    @Override
    public String describe() {
        return "io_uring";
    }

    @Override
    public void close() {
        closed = true;
        watch.close();
        ring.close();
        wake.close();
    }
}
