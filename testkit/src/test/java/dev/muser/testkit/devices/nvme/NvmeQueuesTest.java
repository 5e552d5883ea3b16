package dev.muser.testkit.devices.nvme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import dev.muser.client.DmaMemory;
import dev.muser.client.nvme.AdminOpcode;
import dev.muser.client.nvme.AsyncEvent;
import dev.muser.client.nvme.CompletionQueue;
import dev.muser.client.nvme.IoOpcode;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.QueuePair;
import dev.muser.client.nvme.Status;
import dev.muser.client.nvme.SubmissionQueue;
import dev.muser.devices.nvme.Doorbell;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.NvmeOptions;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** I/O queues from their creation to their end (NVMe base 1.4, 4.1, 5.3 to 5.6). */
final class NvmeQueuesTest {
    private static final int QUEUES = 8;
    private static final int LOG_ERROR = 1;

    private final PatientStorage storage = new PatientStorage(1 << 20);

    private Disk open() {
        return open(Doorbell.AUTO);
    }

    /** With as many queues allowed, of which there are none yet. */
    private Disk open(Doorbell doorbell) {
        var options = NvmeOptions.of("TEST", List.of(NamespaceOptions.of(storage, 512, "test")));
        var disk =
                Disk.open(
                        options.withDoorbell(doorbell),
                        NvmeDriverOptions.DEFAULTS.withQueues(QUEUES));
        for (int id = 1; id <= QUEUES; id++) {
            disk.freeQueue(id);
        }
        return disk;
    }

    private static QueuePair pair(Disk disk, int id, int entries) {
        var pair =
                new QueuePair(
                        disk.driver.doorbells(), id, entries, disk.function.dma(), DmaMemory.PAGES);
        disk.driver.admin().createCompletionQueue(pair.completions());
        disk.driver.admin().createSubmissionQueue(pair.submissions(), 0);
        return pair;
    }

    private static void flush(SubmissionQueue queue, int cid) {
        queue.next().opcode(IoOpcode.FLUSH).nsid(1).cid(cid);
    }

    @Test
    void shouldGoAroundSmallQueuesAgainAndAgain() {
        try (var disk = open()) {
            for (int entries : new int[] {2, 3, 5}) {
                try (var pair = pair(disk, 3, entries)) {
                    for (int i = 0; i < 1000; i++) {
                        flush(pair.submissions(), i);
                        pair.submit();
                        assertThat(disk.await(pair.completions(), 1))
                                .containsExactly(new Disk.Done(i, 0, 0, (i + 1) % entries));
                    }
                    disk.freeQueue(3);
                }
            }
        }
    }

    @ParameterizedTest(name = "IOSQES {0}, IOCQES {1}")
    @CsvSource({"0, 0", "6, 0", "0, 4", "5, 4", "7, 4", "6, 3", "6, 5"})
    void shouldRefuseQueuesOfOtherEntrySizes(int submission, int completion) {
        try (var disk = open()) {
            var registers = disk.driver.registers();
            registers.cc(0);
            disk.serveUntil(() -> registers.csts() == 0);
            disk.driver.admin().queue().pair().reset();
            registers.cc(submission << 16 | completion << 20 | 1);
            disk.serveUntil(() -> registers.csts() == 1);
            var memory = disk.buffer(4096, DmaMemory.PAGES);
            int created =
                    disk.admin(
                            AdminOpcode.CREATE_COMPLETION_QUEUE,
                            e -> e.cdw10(1 | 7 << 16).cdw11(1).prp1(memory.iova()));
            assertThat(created).isEqualTo(completion == 4 ? 0 : Status.INVALID_QUEUE_SIZE);
            if (completion == 4) {
                int second =
                        disk.admin(
                                AdminOpcode.CREATE_SUBMISSION_QUEUE,
                                e -> e.cdw10(1 | 7 << 16).cdw11(1 | 1 << 16).prp1(memory.iova()));
                assertThat(second).isEqualTo(submission == 6 ? 0 : Status.INVALID_QUEUE_SIZE);
            }
        }
    }

    @Test
    void shouldCreateAndDeleteQueuesInAnyLegalOrder() {
        try (var disk = open()) {
            var random = new Random(0x6e766d65);
            var pairs = new QueuePair[QUEUES + 1];
            for (int i = 1; i <= QUEUES; i++) {
                pairs[i] =
                        new QueuePair(
                                disk.driver.doorbells(),
                                i,
                                8,
                                disk.function.dma(),
                                DmaMemory.PAGES);
            }
            var completions = new BitSet();
            int[] usedBy = new int[QUEUES + 1]; // the completion queue of each submission queue
            for (int step = 0; step < 3000; step++) {
                int id = 1 + random.nextInt(QUEUES);
                int target = 1 + random.nextInt(QUEUES);
                boolean used = Arrays.stream(usedBy).anyMatch(c -> c == id);
                var prp = pairs[id];
                int expected;
                int status;
                switch (random.nextInt(4)) {
                    case 0 -> {
                        expected = completions.get(id) ? Status.INVALID_QUEUE_ID : 0;
                        status =
                                disk.admin(
                                        AdminOpcode.CREATE_COMPLETION_QUEUE,
                                        e ->
                                                e.prp1(prp.completions().iova())
                                                        .cdw10(7 << 16 | id)
                                                        .cdw11(1));
                        completions.set(id);
                    }
                    case 1 -> {
                        expected =
                                !completions.get(id)
                                        ? Status.INVALID_QUEUE_ID
                                        : used ? Status.INVALID_QUEUE_DELETION : 0;
                        status = disk.admin(AdminOpcode.DELETE_COMPLETION_QUEUE, e -> e.cdw10(id));
                        completions.set(id, used);
                    }
                    case 2 -> {
                        boolean right = completions.get(target) && usedBy[id] == 0;
                        expected =
                                right
                                        ? 0
                                        : completions.get(target)
                                                ? Status.INVALID_QUEUE_ID
                                                : Status.INVALID_COMPLETION_QUEUE;
                        status =
                                disk.admin(
                                        AdminOpcode.CREATE_SUBMISSION_QUEUE,
                                        e ->
                                                e.prp1(prp.submissions().iova())
                                                        .cdw10(7 << 16 | id)
                                                        .cdw11(target << 16 | 1));
                        usedBy[id] = right ? target : usedBy[id];
                    }
                    default -> {
                        expected = usedBy[id] == 0 ? Status.INVALID_QUEUE_ID : 0;
                        status = disk.admin(AdminOpcode.DELETE_SUBMISSION_QUEUE, e -> e.cdw10(id));
                        usedBy[id] = 0;
                    }
                }
                assertThat(status).as("step %d", step).isEqualTo(expected);
            }
        }
    }

    @Test
    void shouldKeepWhatAFullCompletionQueueCannotTake() {
        try (var disk = open()) {
            int each = 40;
            var dma = disk.function.dma();
            var memory = dma.allocate(4096);
            var shared = new CompletionQueue(disk.driver.doorbells(), 1, 4, memory, 0);
            disk.driver.admin().createCompletionQueue(shared);
            var queues = new SubmissionQueue[4];
            for (int i = 0; i < queues.length; i++) {
                queues[i] =
                        new SubmissionQueue(
                                disk.driver.doorbells(), shared, 1 + i, 64, dma.allocate(4096), 0);
                disk.driver.admin().createSubmissionQueue(queues[i], 0);
                for (int k = 0; k < each; k++) {
                    flush(queues[i], i << 8 | k);
                }
                queues[i].submit();
            }
            disk.settle();
            var seen = new HashSet<Integer>();
            for (int round = 0; seen.size() < queues.length * each; round++) {
                assertThat(round).isLessThan(200);
                int found = 0;
                disk.settle();
                while (shared.advance()) {
                    found++;
                    assertThat(seen.add(shared.completion().commandId())).isTrue();
                    assertThat(shared.completion().submissionQueueId())
                            .isEqualTo(1 + (shared.completion().commandId() >> 8));
                }
                assertThat(found).as("entries of a queue of 4").isBetween(1, 3);
                shared.acknowledge();
            }
            disk.settle();
            assertThat(shared.advance()).isFalse();
            assertThat(disk.driver.takeEvent()).isNull();
        }
    }

    @Test
    void shouldEndADeletionWhenTheCommandsUnderWayHaveEnded() {
        try (var disk = open()) {
            var pair = pair(disk, 2, 16);
            storage.holding = true;
            for (int i = 0; i < 5; i++) {
                flush(pair.submissions(), i);
            }
            pair.submit();
            disk.settle();
            assertThat(storage.held).hasSize(5);
            var admin = disk.driver.admin().queue().pair();
            admin.next().opcode(AdminOpcode.DELETE_SUBMISSION_QUEUE).cid(0x80).cdw10(2);
            admin.next().opcode(AdminOpcode.DELETE_SUBMISSION_QUEUE).cid(0x81).cdw10(2);
            admin.next().opcode(AdminOpcode.DELETE_COMPLETION_QUEUE).cid(0x82).cdw10(2);
            admin.submit();
            assertThat(disk.await(admin.completions(), 2))
                    .extracting(Disk.Done::cid, Disk.Done::status)
                    .containsExactly(
                            tuple(0x81, Status.INVALID_QUEUE_ID),
                            tuple(0x82, Status.INVALID_QUEUE_DELETION));
            // it fetches nothing any more
            flush(pair.submissions(), 9);
            pair.submit();
            disk.settle();
            assertThat(storage.held).hasSize(5);
            assertThat(admin.completions().advance()).isFalse();
            storage.release();
            assertThat(disk.await(pair.completions(), 5))
                    .extracting(Disk.Done::status)
                    .containsOnly(0);
            assertThat(disk.await(admin.completions(), 1))
                    .extracting(Disk.Done::cid, Disk.Done::status)
                    .containsExactly(tuple(0x80, 0));
            disk.driver.admin().deleteCompletionQueue(2);
            pair.close();
            pair(disk, 2, 16).close();
        }
    }

    @Test
    void shouldTellOfDoorbellValuesThatCannotBe() {
        try (var disk = open()) {
            var pair = pair(disk, 2, 8);
            for (int value : new int[] {-1, 8, 9, 0xffff, 0x10000}) {
                pair.submissions().ring(value);
                assertInvalidValue(disk);
            }
            flush(pair.submissions(), 1);
            pair.submit();
            disk.await(pair.completions(), 1);
            // there is one entry, which has been taken
            for (int value : new int[] {-1, 8, 7}) {
                pair.completions().ring(value);
                flush(pair.submissions(), 2);
                pair.submit();
                assertInvalidValue(disk);
                assertThat(disk.await(pair.completions(), 1))
                        .extracting(Disk.Done::status)
                        .containsOnly(0);
            }
            assertThat(disk.isFatal()).isFalse();
        }
    }

    private static void assertInvalidValue(Disk disk) {
        disk.serveUntil(() -> {
            var event = disk.driver.takeEvent();
            if (event != null) {
                assertThat(event).isEqualTo(new AsyncEvent(AsyncEvent.ERROR, 1, LOG_ERROR));
            }
            return event != null;
        });
        disk.driver.admin().getLogPage(LOG_ERROR, -1, 64, 0);
    }

    @Test
    void shouldTellOfDoorbellsOfNoQueue() {
        try (var disk = open(Doorbell.MESSAGES)) {
            var pair = pair(disk, 2, 8);
            for (int id : new int[] {1, 3, 128, 129, 511}) {
                for (boolean completion : new boolean[] {false, true}) {
                    disk.driver.doorbells().writeRegister(id, completion, 1);
                    assertThat(disk.driver.takeEvent())
                            .isEqualTo(new AsyncEvent(AsyncEvent.ERROR, 0, LOG_ERROR));
                    disk.driver.admin().getLogPage(LOG_ERROR, -1, 64, 0);
                }
            }
            flush(pair.submissions(), 1);
            pair.submit();
            assertThat(disk.await(pair.completions(), 1))
                    .extracting(Disk.Done::status)
                    .containsOnly(0);
        }
    }

    @Test
    void shouldForgetWhatADoorbellSaidBeforeItsQueue() {
        try (var disk = open()) {
            for (int id = 1; id <= QUEUES; id++) {
                disk.driver.doorbells().submissionTail(id, 5);
                disk.driver.doorbells().completionHead(id, 5);
            }
            disk.settle();
            var pair = pair(disk, 2, 8);
            disk.settle();
            assertThat(storage.asked).isEmpty();
            flush(pair.submissions(), 1);
            pair.submit();
            assertThat(disk.await(pair.completions(), 1))
                    .extracting(Disk.Done::status)
                    .containsOnly(0);
        }
    }

    @Test
    void shouldGiveUpOnAQueueWhoseMemoryGoesAndRecoverByReset() {
        try (var disk = open()) {
            for (int round = 0; round < 3; round++) {
                var pair = pair(disk, 2, 8);
                pair.close(); // unmaps it
                disk.driver.doorbells().submissionTail(2, 1);
                disk.serveUntil(disk::isFatal);
                disk.driver.reset();
                assertThat(disk.isFatal()).isFalse();
                assertThat(disk.status(e -> e.opcode(IoOpcode.FLUSH).nsid(1))).isZero();
                for (int id = 1; id <= QUEUES; id++) {
                    disk.freeQueue(id);
                }
            }
        }
    }

    @Test
    void shouldGiveUpOnACompletionQueueWhoseMemoryGoes() {
        try (var disk = open()) {
            var dma = disk.function.dma();
            var memory = dma.allocate(4096);
            var completions = new CompletionQueue(disk.driver.doorbells(), 1, 8, memory, 0);
            disk.driver.admin().createCompletionQueue(completions);
            var queue =
                    new SubmissionQueue(
                            disk.driver.doorbells(), completions, 1, 8, dma.allocate(4096), 0);
            disk.driver.admin().createSubmissionQueue(queue, 0);
            flush(queue, 1);
            memory.close();
            queue.submit();
            disk.serveUntil(disk::isFatal);
            disk.driver.reset();
            assertThat(disk.status(e -> e.opcode(IoOpcode.FLUSH).nsid(1))).isZero();
        }
    }
}
