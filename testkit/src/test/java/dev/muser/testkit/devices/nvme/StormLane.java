package dev.muser.testkit.devices.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.DmaBuffer;
import dev.muser.client.nvme.Completion;
import dev.muser.client.nvme.IoOpcode;
import dev.muser.client.nvme.QueuePair;
import dev.muser.client.nvme.Status;
import dev.muser.client.nvme.SubmissionEntry;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.Queue;
import java.util.Random;

/**
 * A queue pair with commands in flight, whose outcomes are known: each completes once, and what is
 * read is what was written.
 */
final class StormLane {
    /** Blocks of a command, of 512 bytes: two pages. */
    static final int BLOCKS = 16;

    private static final int BYTES = BLOCKS * 512;
    private static final int PAGE = 4096;
    private static final int DEALLOCATE = 4;
    private static final ValueLayout.OfLong U64 =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt U32 =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);

    /**
     * A command that has not completed.
     *
     * @param extent what it is about
     * @param stamp what is there when it has succeeded; -1 when it does not change that
     * @param status how it completes
     */
    private record Flight(int opcode, int extent, long stamp, int status) {}

    private final QueuePair pair;
    private final Random random;
    private final StormModel model;
    private final DmaBuffer buffer;
    private final Map<Integer, Flight> flights = new HashMap<>();
    private final Queue<Integer> freeIds = new ArrayDeque<>();
    private long completed;

    /**
     * @param buffer of {@link #bufferSize}
     */
    StormLane(QueuePair pair, int depth, Random random, StormModel model, DmaBuffer buffer) {
        this.pair = pair;
        this.random = random;
        this.model = model;
        this.buffer = buffer;
        for (int id = 0; id < depth; id++) {
            freeIds.add(id);
        }
    }

    static long bufferSize(int depth) {
        return (long) depth * BYTES;
    }

    int inFlight() {
        return flights.size();
    }

    long completed() {
        return completed;
    }

    /** Submits one command, or two that are one, if there is room. */
    void submit() {
        int extent = model.take(random);
        if (extent < 0) {
            return;
        }
        int what = random.nextInt(20);
        if (freeIds.size() < 2 || pair.submissions().room() < 2) {
            model.give(extent);
            return;
        }
        if (what < 3) {
            fused(extent, what != 0);
        } else {
            single(extent, what);
        }
        if (random.nextInt(3) != 0) {
            pair.submit();
        }
    }

    /** Rings for all that was prepared. */
    void ring() {
        pair.submit();
    }

    private void single(int extent, int what) {
        long old = model.stamp(extent);
        long fresh = model.newStamp();
        switch (what) {
            case 3, 4, 5, 6, 7, 8 -> add(new Flight(IoOpcode.READ, extent, -1, 0), 0, 0);
            case 9, 10, 11, 12, 13, 14 ->
                    add(new Flight(IoOpcode.WRITE, extent, fresh, 0), fresh, 0);
            case 15 -> add(new Flight(IoOpcode.COMPARE, extent, -1, 0), old, 0);
            case 16 ->
                    add(new Flight(IoOpcode.COMPARE, extent, -1, Status.COMPARE_FAILURE), fresh, 0);
            case 17 -> add(new Flight(IoOpcode.WRITE_ZEROES, extent, 0, 0), 0, 0);
            case 18 -> add(new Flight(IoOpcode.DATASET_MANAGEMENT, extent, 0, 0), 0, 0);
            default ->
                    add(
                            new Flight(
                                    random.nextBoolean() ? IoOpcode.FLUSH : IoOpcode.VERIFY,
                                    extent,
                                    -1,
                                    0),
                            0,
                            0);
        }
    }

    private void fused(int extent, boolean right) {
        long old = model.stamp(extent);
        long fresh = model.newStamp();
        int first = right ? 0 : Status.COMPARE_FAILURE;
        int second = right ? 0 : Status.FAILED_FUSED;
        model.shared(extent);
        add(
                new Flight(IoOpcode.COMPARE, extent, -1, first),
                right ? old : fresh + 1,
                SubmissionEntry.FUSE_FIRST);
        if (random.nextInt(4) == 0) {
            pair.submit(); // the first half may be fetched alone
        }
        add(new Flight(IoOpcode.WRITE, extent, fresh, second), fresh, SubmissionEntry.FUSE_SECOND);
    }

    /** Prepares a command; its data are of that stamp. */
    private void add(Flight flight, long data, int fuse) {
        int id = freeIds.remove();
        flights.put(id, flight);
        long at = (long) id * BYTES;
        long iova = buffer.iova(at);
        var entry = pair.next().cid(id).opcode(flight.opcode).nsid(1).fuse(fuse);
        var _ = entry.lba((long) flight.extent * BLOCKS).cdw12(BLOCKS - 1);
        var _ = entry.prp1(iova).prp2(iova + PAGE);
        var memory = buffer.segment().asSlice(at, BYTES);
        switch (flight.opcode) {
            case IoOpcode.DATASET_MANAGEMENT -> {
                memory.set(U32, 4, BLOCKS);
                memory.set(U64, 8, (long) flight.extent * BLOCKS);
                var _ = entry.cdw10(0).cdw11(DEALLOCATE).cdw12(0);
            }
            case IoOpcode.WRITE, IoOpcode.COMPARE -> fill(memory, flight.extent, data);
            default -> memory.fill((byte) 0x5a);
        }
    }

    private static long word(int extent, long stamp, long at) {
        return stamp == 0 ? 0 : stamp * 0x9e37_79b9_7f4a_7c15L ^ (extent * 8192L + at);
    }

    private static void fill(MemorySegment memory, int extent, long stamp) {
        for (long at = 0; at < BYTES; at += 8) {
            memory.set(U64, at, word(extent, stamp, at));
        }
    }

    /** Takes what has completed; returns whether there was any. */
    boolean poll() {
        boolean any = false;
        var completions = pair.completions();
        for (int n = 1 + random.nextInt(8); n > 0 && completions.advance(); n--) {
            any = true;
            take(completions.completion());
        }
        if (random.nextInt(4) != 0) {
            completions.acknowledge();
        }
        return any;
    }

    private void take(Completion completion) {
        var flight = flights.remove(completion.commandId());
        if (flight == null) {
            throw new AssertionError("completed, and not in flight: " + completion);
        }
        freeIds.add(completion.commandId());
        completed++;
        assertThat(completion.status()).as("%s", flight).isEqualTo(flight.status);
        if (flight.opcode == IoOpcode.READ) {
            var memory = buffer.segment().asSlice((long) completion.commandId() * BYTES, BYTES);
            long stamp = model.stamp(flight.extent);
            for (long at = 0; at < BYTES; at += 8) {
                if (memory.get(U64, at) != word(flight.extent, stamp, at)) {
                    assertThat(memory.get(U64, at))
                            .as("extent %d at %d of stamp %d", flight.extent, at, stamp)
                            .isEqualTo(word(flight.extent, stamp, at));
                }
            }
        }
        if (flight.stamp >= 0 && flight.status == 0) {
            model.wrote(flight.extent, flight.stamp);
        }
        model.give(flight.extent);
    }
}
