package dev.muser.bench.jmh;

import dev.muser.device.DmaAccess;
import dev.muser.device.DmaCompletion;
import dev.muser.device.pci.GuestMemory;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** Finding client memory, and copying it. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class GuestMemoryBenchmark {
    private static final long PAGE = 4096;

    /** Odd, so that it reaches all mappings, and not in their order. */
    private static final int STEP = 7919;

    @Param({"1", "10000"})
    public int mappings;

    /** Whether the memory file is sealed against shrinking: if not, each copy is fenced. */
    @Param({"true", "false"})
    public boolean sealed;

    private final MicroDevice.Made made = MicroDevice.make();
    private final GuestMemory memory = made.inside().memory();
    private final MemorySegment small = Arena.ofAuto().allocate(64, 64);
    private final MemorySegment page = Arena.ofAuto().allocate(PAGE, 64);
    private final MemorySegment otherPage = Arena.ofAuto().allocate(PAGE, 64);
    private int errors;
    private final DmaCompletion completion = errno -> errors += errno;
    private int next;

    /** Maps the pages of one file, each on its own and with a page between: a guest's IOMMU. */
    @Setup
    public void map() {
        made.outside().attach(null);
        try (var file = MemoryFile.create("muser-micro", mappings * PAGE)) {
            if (sealed) {
                MemoryFile.seal(file, MemoryFile.SEAL_SHRINK);
            }
            for (int i = 0; i < mappings; i++) {
                made.outside()
                        .mapDma(
                                2L * i * PAGE,
                                PAGE,
                                DmaAccess.READ_WRITE,
                                file.duplicate(),
                                i * PAGE);
            }
        }
    }

    @TearDown
    public void close() {
        made.outside().close();
        if (errors != 0) {
            throw new IllegalStateException("copies failed");
        }
    }

    private long nextIova() {
        next = (next + STEP) % mappings;
        return 2L * next * PAGE;
    }

    /** In no order: the table is searched each time. */
    @Benchmark
    public @Nullable MemorySegment find() {
        return memory.direct(nextIova(), 64, DmaAccess.READ);
    }

    @Benchmark
    public MemorySegment read64() {
        memory.read(nextIova(), small, completion);
        return small;
    }

    @Benchmark
    public MemorySegment read4096() {
        memory.read(nextIova(), page, completion);
        return page;
    }

    /** The floor of {@link #read4096}. */
    @Benchmark
    public MemorySegment copy4096() {
        return otherPage.copyFrom(page);
    }
}
