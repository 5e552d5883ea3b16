package dev.muser.testkit.devices.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.DmaBuffer;
import dev.muser.client.DmaMemory;
import dev.muser.client.PciFunction;
import dev.muser.client.nvme.IoQueue;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.device.DmaAccess;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;

/** Commands on places of their own, one at a time for each, that know what they have to read. */
final class VerifiedLoad {
    private static final int BLOCKS = 8;
    private static final int BYTES = BLOCKS * 512;
    private static final int SLOTS = 64;

    private final IoQueue queue;
    private final long firstBlock;
    private final DmaBuffer data;
    private final int[] generation = new int[SLOTS];
    private final boolean[] reading = new boolean[SLOTS];
    private final boolean[] busy = new boolean[SLOTS];
    private final Random random;
    private int done;

    VerifiedLoad(IoQueue queue, PciFunction function, DmaMemory memory, int number) {
        this.queue = queue;
        firstBlock = (long) number * SLOTS * BLOCKS;
        data = function.dma().allocate((long) SLOTS * BYTES, DmaAccess.READ_WRITE, memory);
        random = new Random(number);
    }

    /** Begins what can begin, and takes what is done. */
    void step() {
        for (int slot = 0; slot < SLOTS && queue.inFlight() < queue.depth(); slot++) {
            if (!busy[slot] && random.nextInt(4) != 0) {
                begin(slot);
            }
        }
        queue.kick();
        take();
    }

    private void begin(int slot) {
        busy[slot] = true;
        reading[slot] = generation[slot] != 0 && random.nextBoolean();
        long lba = firstBlock + (long) slot * BLOCKS;
        long at = (long) slot * BYTES;
        if (reading[slot]) {
            data.segment().asSlice(at, BYTES).fill((byte) 0xee);
            queue.read(lba, BLOCKS, data, at, slot);
        } else {
            generation[slot]++;
            fill(slot);
            queue.write(lba, BLOCKS, data, at, slot);
        }
    }

    private void fill(int slot) {
        for (int i = 0; i < BYTES; i += 8) {
            data.segment().set(ValueLayout.JAVA_LONG, (long) slot * BYTES + i, word(slot, i));
        }
    }

    private long word(int slot, int at) {
        return ((firstBlock + slot) << 40) ^ ((long) generation[slot] << 16) ^ at;
    }

    void take() {
        queue.poll(completion -> {
            int slot = (int) completion.cookie();
            assertThat(completion.isSuccess()).as("%s", completion).isTrue();
            assertThat(busy[slot]).as("completed once").isTrue();
            if (reading[slot]) {
                for (int i = 0; i < BYTES; i += 8) {
                    long found = data.segment().get(ValueLayout.JAVA_LONG, (long) slot * BYTES + i);
                    if (found != word(slot, i)) {
                        throw new AssertionError(
                                "slot %d generation %d byte %d: %x"
                                        .formatted(slot, generation[slot], i, found));
                    }
                }
            }
            busy[slot] = false;
            done++;
        });
    }

    int inFlight() {
        return queue.inFlight();
    }

    static void work(NvmeDriver driver, List<VerifiedLoad> loads, int commands) {
        int start = loads.stream().mapToInt(load -> load.done).sum();
        while (loads.stream().mapToInt(load -> load.done).sum() < start + commands) {
            loads.forEach(VerifiedLoad::step);
            driver.serve();
        }
    }

    static void drain(NvmeDriver driver, List<VerifiedLoad> loads) {
        while (loads.stream().anyMatch(load -> load.inFlight() != 0)) {
            loads.forEach(VerifiedLoad::take);
            driver.serve();
        }
    }
}
