package dev.muser.testkit.devices.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.DmaMemory;
import dev.muser.client.nvme.ControllerRegisters;
import dev.muser.client.nvme.IoOpcode;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.QueuePair;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which queue's commands are taken first (NVMe base 1.4, 4.13 and 5.21.1.1). */
final class NvmeArbitrationTest {
    private static final int ARBITRATION = 1;
    private static final int WEIGHTED = 1 << 11;
    private static final int URGENT = 0;
    private static final int HIGH = 1;
    private static final int MEDIUM = 2;
    private static final int LOW = 3;

    /** Commands of a queue, and blocks that it writes to. */
    private static final int EACH = 128;

    private final PatientStorage storage = new PatientStorage(1 << 20);

    private Disk open() {
        return Disk.of(storage, 512, NvmeDriverOptions.DEFAULTS.withQueues(8));
    }

    /** Creates queues of such priorities, of which each writes to blocks of its own. */
    private static QueuePair[] queues(
            Disk disk, boolean weighted, int arbitration, int... priorities) {
        var registers = disk.driver.registers();
        registers.cc(0);
        disk.serveUntil(() -> registers.csts() == 0);
        disk.driver.admin().queue().pair().reset();
        registers.cc(ControllerRegisters.CC_ENTRY_SIZES | 1 | (weighted ? WEIGHTED : 0));
        disk.driver.admin().setFeature(ARBITRATION, 0, arbitration);
        var pairs = new QueuePair[priorities.length];
        for (int i = 0; i < pairs.length; i++) {
            pairs[i] =
                    new QueuePair(
                            disk.driver.doorbells(),
                            i + 1,
                            1024,
                            disk.function.dma(),
                            DmaMemory.PAGES);
            disk.driver.admin().createCompletionQueue(pairs[i].completions());
            disk.driver.admin().createSubmissionQueue(pairs[i].submissions(), priorities[i]);
        }
        return pairs;
    }

    /** Fills all queues before the controller looks, and returns whose turn it was, each time. */
    private int[] order(Disk disk, QueuePair[] pairs, int... commands) {
        int total = 0;
        for (int i = 0; i < pairs.length; i++) {
            for (int k = 0; k < commands[i]; k++) {
                long lba = (long) i * EACH + k % EACH;
                Disk.transfer(pairs[i].next(), IoOpcode.WRITE, lba, 1, disk.data().iova());
            }
            total += commands[i];
        }
        for (var pair : pairs) {
            pair.submit();
        }
        int all = total;
        disk.serveUntil(() -> storage.asked.size() == all);
        return storage.asked.stream().mapToInt(a -> (int) (a.offset() / 512 / EACH)).toArray();
    }

    private static int count(int[] order, int first, int queue) {
        return (int) Arrays.stream(order, 0, first).filter(q -> q == queue).count();
    }

    private static int last(int[] order, int queue) {
        int last = -1;
        for (int i = 0; i < order.length; i++) {
            last = order[i] == queue ? i : last;
        }
        return last;
    }

    private static int feature(int burst, int high, int medium, int low) {
        return burst | (high - 1) << 24 | (medium - 1) << 16 | (low - 1) << 8;
    }

    @Test
    void shouldTakeUrgentCommandsFirst() {
        try (var disk = open()) {
            var pairs = queues(disk, true, feature(2, 1, 1, 1), LOW, URGENT, HIGH, MEDIUM);
            var order = order(disk, pairs, 32, 48, 32, 32);
            assertThat(Arrays.copyOf(order, 48)).containsOnly(1);
        }
    }

    @Test
    void shouldNotStarveOthersForUrgentCommands() {
        try (var disk = open()) {
            var pairs = queues(disk, true, feature(0, 1, 1, 1), LOW, URGENT);
            var order = order(disk, pairs, 1, 1000);
            assertThat(last(order, 0)).isLessThan(last(order, 1));
        }
    }

    @ParameterizedTest(name = "arbitration burst 2^{0}")
    @ValueSource(ints = {0, 1, 2})
    void shouldRespectWeights(int burst) {
        try (var disk = open()) {
            var pairs = queues(disk, true, feature(burst, 4, 2, 1), LOW, MEDIUM, HIGH);
            var order = order(disk, pairs, EACH, EACH, EACH);
            int end = last(order, 2) + 1;
            int round = 4 << burst;
            assertThat(count(order, end, 1)).isBetween(EACH / 2 - round, EACH / 2 + round);
            assertThat(count(order, end, 0)).isBetween(EACH / 4 - round, EACH / 4 + round);
        }
    }

    @Test
    void shouldShareAWeightAmongTheQueuesOfAClass() {
        try (var disk = open()) {
            var pairs = queues(disk, true, feature(1, 4, 1, 1), LOW, LOW, LOW, HIGH);
            var order = order(disk, pairs, EACH, EACH, EACH, EACH);
            int end = last(order, 3) + 1;
            assertThat(end - EACH).as("of the low class").isBetween(EACH / 4 - 8, EACH / 4 + 8);
            for (int queue = 0; queue < 3; queue++) {
                assertThat(count(order, end, queue)).isBetween(EACH / 12 - 3, EACH / 12 + 3);
            }
        }
    }

    @Test
    void shouldLetNoQueueOfAClassWaitForEver() {
        try (var disk = open()) {
            var pairs = queues(disk, true, feature(0, 1, 1, 1), LOW, LOW, LOW);
            var order = order(disk, pairs, EACH, 1, 1);
            assertThat(last(order, 1)).isLessThan(8);
            assertThat(last(order, 2)).isLessThan(8);
        }
    }

    @ParameterizedTest(name = "arbitration burst 2^{0}")
    @ValueSource(ints = {0, 1, 2, 3})
    void shouldTakeABurstOfEachQueueInTurn(int burst) {
        try (var disk = open()) {
            var pairs = queues(disk, false, burst, LOW, URGENT, HIGH);
            var order = order(disk, pairs, EACH, EACH, EACH);
            int most = 1 << burst;
            for (int end = 1; end <= order.length; end++) {
                int[] counts = {count(order, end, 0), count(order, end, 1), count(order, end, 2)};
                Arrays.sort(counts);
                assertThat(counts[2] - counts[0]).as("after %d", end).isLessThanOrEqualTo(most);
            }
        }
    }

    @Test
    void shouldNotMixPrioritiesIntoPlainRoundRobin() {
        try (var disk = open()) {
            var pairs = queues(disk, false, 7, LOW, URGENT, HIGH);
            var order = order(disk, pairs, EACH, EACH, EACH);
            for (int queue = 0; queue < 3; queue++) {
                assertThat(count(order, 3 * 32, queue)).isEqualTo(32);
            }
        }
    }
}
