package dev.muser.bench;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** What can be measured, and beside which floor. */
public enum Benchmark {
    READ("REGION_READ of 4 bytes", "bare ping-pong, 32 and 36 bytes"),
    WRITE("REGION_WRITE of 4 bytes", "bare ping-pong, 36 and 32 bytes"),
    WRITE_4K("REGION_WRITE of 4 KiB", "bare ping-pong, 4128 and 32 bytes"),
    POSTED("REGION_WRITE of 4 bytes, no reply", "bare messages of 36 bytes"),
    PIPELINED("REGION_READ of 4 bytes, 32 at a time", "bare ping-pong, 32 at a time"),
    DMA_MAP("DMA_MAP with descriptor and DMA_UNMAP", "bare ping-pong, 48 and 16 bytes"),
    DMA_4K("device reads 4 KiB, mapped", "MemorySegment.copy of 4 KiB"),
    DMA_1M("device reads 1 MiB, mapped", "MemorySegment.copy of 1 MiB"),
    DMA_4K_MESSAGES("device reads 4 KiB by message", "bare ping-pong, 32 and 4128 bytes"),
    DMA_1M_MESSAGES("device reads 1 MiB by messages", "bare ping-pong, 32 and 1 MiB"),
    INTERRUPT("posted write to eventfd seen", "eventfd there, eventfd back"),
    ALLOCATION("bytes allocated for each message", "none"),
    START("process started to first reply", "JVM that does nothing"),
    IDLE("idle devices in one process", "process without devices"),
    NVME_SPEED("NVMe disks of nothing and of memory", "cache lines, copies"),
    NVME_FILE("NVMe disk in a file", "fio with io_uring on the same file and CPU"),
    NVME_IDLE("NVMe disks that idle, that share, and what they allocate", "none");

    /** What all benchmarks of NVMe disks are called together. */
    public static final String DISKS = "nvme";

    private final String title;
    private final String floor;

    Benchmark(String title, String floor) {
        this.title = title;
        this.floor = floor;
    }

    /** Returns what is measured, in words. */
    public String title() {
        return title;
    }

    /** Returns what it is compared with, in words. */
    public String floor() {
        return floor;
    }

    /** Returns the name on a command line, such as {@code dma-4k}. */
    public String id() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /**
     * Finds a benchmark by its {@link #id}.
     *
     * @throws IllegalArgumentException when there is none; says which there are
     */
    public static Benchmark of(String id) {
        for (var benchmark : values()) {
            if (benchmark.id().equals(id)) {
                return benchmark;
            }
        }
        throw new IllegalArgumentException(
                "no benchmark is called %s; there are %s"
                        .formatted(
                                id,
                                Arrays.stream(values())
                                        .map(Benchmark::id)
                                        .collect(Collectors.joining(", "))));
    }

    /** Returns all but those of disks, which take minutes. */
    public static Set<Benchmark> usual() {
        return EnumSet.range(READ, IDLE);
    }

    /**
     * Finds what a name on a command line stands for: one by its {@link #id}, and by "nvme" all of
     * disks.
     *
     * @throws IllegalArgumentException when there is none; says which there are
     */
    public static Set<Benchmark> named(String name) {
        return name.equals(DISKS) ? EnumSet.range(NVME_SPEED, NVME_IDLE) : EnumSet.of(of(name));
    }

    /** Whether it is about NVMe disks. */
    boolean hasDisks() {
        return compareTo(NVME_SPEED) >= 0;
    }

    /** Whether it is about messages between a client and a server, and so depends on the policy. */
    boolean hasPolicy() {
        return compareTo(ALLOCATION) < 0;
    }
}
