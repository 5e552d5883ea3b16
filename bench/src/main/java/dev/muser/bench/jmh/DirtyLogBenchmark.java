package dev.muser.bench.jmh;

import dev.muser.device.DmaAccess;
import dev.muser.device.pci.GuestMemory;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What it costs to log which pages are written: random pages of a guest with one mapping. While it
 * is on, the log begins anew for each iteration, so that pages are marked for the first time as
 * well.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class DirtyLogBenchmark {
    private static final long PAGE = 4096;

    /** Odd, so that it reaches all pages, and not in their order. */
    private static final long STEP = 7919;

    /** So many pages are written: few, as of a queue, or far more than a cache has. */
    @Param({"16", "65536"})
    public long pages;

    /** Before: it was on and is off, so that what is compiled has a way to it. */
    @Param({"never", "on", "before"})
    public String log = "never";

    private final MicroDevice.Made made = MicroDevice.make();
    private final GuestMemory memory = made.inside().memory();
    private final MemorySegment page = Arena.ofAuto().allocate(PAGE, 64);
    private int errors;
    private long next;

    @Setup
    public void map() {
        made.outside().attach(null);
        try (var file = MemoryFile.create("muser-micro", pages * PAGE)) {
            MemoryFile.seal(file, MemoryFile.SEAL_SHRINK);
            made.outside().mapDma(0, pages * PAGE, DmaAccess.READ_WRITE, file.duplicate(), 0);
        }
        for (long i = 0; i < pages; i++) {
            write(PAGE); // the system gives the pages now, and not while it is measured
        }
    }

    @Setup(Level.Iteration)
    public void begin() {
        var dirtyLog = made.outside().dirtyLog();
        if (log.equals("never") || dirtyLog == null) {
            return;
        }
        dirtyLog.stop();
        dirtyLog.start(PAGE, List.of());
        if (log.equals("before")) {
            for (long i = 0; i < 2 * pages; i++) {
                write(16);
            }
            dirtyLog.stop();
        }
    }

    @TearDown
    public void close() {
        made.outside().close();
        if (errors != 0) {
            throw new IllegalStateException("copies failed");
        }
    }

    private void write(long length) {
        next = (next + STEP) & (pages - 1);
        errors += memory.writeNow(next * PAGE, page, 0, length);
    }

    /** As a completion queue's entries are written. */
    @Benchmark
    public void write16() {
        write(16);
    }

    /** As a disk's blocks are read. */
    @Benchmark
    public void write4096() {
        write(PAGE);
    }
}
