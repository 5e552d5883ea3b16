package dev.muser.testkit.devices.nvme;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.DmaBuffer;
import dev.muser.client.DmaMemory;
import dev.muser.client.nvme.CompletionQueue;
import dev.muser.client.nvme.IoOpcode;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.SglList;
import dev.muser.client.nvme.SubmissionEntry;
import dev.muser.client.nvme.SubmissionQueue;
import dev.muser.devices.storage.StorageOperation;
import dev.muser.testkit.devices.nvme.PatientStorage.Asked;
import org.junit.jupiter.api.Test;

/** A driver that changes memory which a command has been read from: the command is as it was. */
final class NvmeChangedMemoryTest {
    private static final int PAGE = 4096;

    private final PatientStorage storage = new PatientStorage(1 << 20);

    private Disk open() {
        return Disk.of(storage, 512, NvmeDriverOptions.DEFAULTS.withQueues(2));
    }

    /** Has a page filled with junk when the storage is asked for something for the first time. */
    private void spoil(DmaBuffer page) {
        storage.onSubmit =
                _ -> {
                    page.segment().fill((byte) 0xff);
                    storage.onSubmit = _ -> {};
                };
    }

    @Test
    void shouldNotReadAnEntryAgain() {
        try (var disk = open()) {
            disk.freeQueue(2);
            var memory = disk.buffer(PAGE, DmaMemory.PAGES);
            var completions =
                    new CompletionQueue(
                            disk.driver.doorbells(), 2, 64, disk.buffer(PAGE, DmaMemory.PAGES), 0);
            var queue = new SubmissionQueue(disk.driver.doorbells(), completions, 2, 64, memory, 0);
            disk.driver.admin().createCompletionQueue(completions);
            disk.driver.admin().createSubmissionQueue(queue, 0);
            for (int round = 0; round < 3; round++) {
                for (int i = 0; i < 16; i++) {
                    long at = 512L * i;
                    disk.data().segment().asSlice(at, 512).fill((byte) (i + 1));
                    Disk.transfer(queue.next(), IoOpcode.WRITE, i, 1, disk.data().iova(at))
                            .cid(0x700 + i);
                }
                spoil(memory);
                queue.submit();
                var done = disk.await(completions, 16);
                for (int i = 0; i < 16; i++) {
                    assertThat(done.get(i).cid()).isEqualTo(0x700 + i);
                    assertThat(done.get(i).status()).isZero();
                    assertThat(storage.bytes.asSlice(512L * i, 512).toArray(JAVA_BYTE))
                            .containsOnly(i + 1);
                }
                storage.bytes.fill((byte) 0);
            }
        }
    }

    private static void write(SubmissionEntry entry) {
        entry.opcode(IoOpcode.WRITE).nsid(1).cdw12(4 * PAGE / 512 - 1);
    }

    private void assertWritten() {
        for (int i = 0; i < 4; i++) {
            assertThat(storage.bytes.asSlice((long) i * PAGE, PAGE).toArray(JAVA_BYTE))
                    .containsOnly(i + 1);
        }
    }

    private static void fill(Disk disk) {
        for (int i = 0; i < 4; i++) {
            disk.data().segment().asSlice((long) i * PAGE, PAGE).fill((byte) (i + 1));
        }
    }

    @Test
    void shouldNotReadAPrpListAgain() {
        try (var disk = open()) {
            var list = disk.buffer(PAGE, DmaMemory.PAGES);
            fill(disk);
            for (int i = 1; i < 4; i++) {
                list.segment().set(JAVA_LONG, 8L * (i - 1), disk.data().iova((long) i * PAGE));
            }
            spoil(list);
            assertThat(
                            disk.status(e -> {
                                write(e);
                                e.prp1(disk.data().iova()).prp2(list.iova());
                            }))
                    .isZero();
            assertWritten();
            assertThat(list.segment().get(JAVA_LONG, 0)).isEqualTo(-1);
        }
    }

    @Test
    void shouldNotReadAnSglAgain() {
        try (var disk = open()) {
            var memory = disk.buffer(PAGE, DmaMemory.PAGES);
            var list = new SglList(memory, 0, 4).begin();
            fill(disk);
            for (int i = 0; i < 4; i++) {
                list.dataBlock(disk.data().iova((long) i * PAGE), PAGE);
            }
            spoil(memory);
            assertThat(
                            disk.status(e -> {
                                write(e);
                                list.putInto(e);
                            }))
                    .isZero();
            assertWritten();
        }
    }

    @Test
    void shouldNotReadRangesAgain() {
        try (var disk = open()) {
            var ranges = disk.buffer(PAGE, DmaMemory.PAGES);
            for (int i = 0; i < 8; i++) {
                ranges.segment().set(JAVA_INT, 16L * i + 4, 1);
                ranges.segment().set(JAVA_LONG, 16L * i + 8, 10L * i);
            }
            spoil(ranges);
            assertThat(
                            disk.status(e ->
                                    e.opcode(IoOpcode.DATASET_MANAGEMENT)
                                            .nsid(1)
                                            .prp1(ranges.iova())
                                            .cdw10(7)
                                            .cdw11(4)))
                    .isZero();
            for (int i = 0; i < 8; i++) {
                assertThat(storage.asked.get(i))
                        .isEqualTo(
                                new Asked(StorageOperation.DISCARD, 5120L * i, 512, false, false));
            }
            assertThat(storage.asked).hasSize(8);
        }
    }

    @Test
    void shouldNotReadTheFirstHalfOfAFusedOperationAgain() {
        try (var disk = open()) {
            disk.freeQueue(2);
            var memory = disk.buffer(PAGE, DmaMemory.PAGES);
            var completions =
                    new CompletionQueue(
                            disk.driver.doorbells(), 2, 64, disk.buffer(PAGE, DmaMemory.PAGES), 0);
            var queue = new SubmissionQueue(disk.driver.doorbells(), completions, 2, 64, memory, 0);
            disk.driver.admin().createCompletionQueue(completions);
            disk.driver.admin().createSubmissionQueue(queue, 0);
            disk.data().segment().asSlice(PAGE, 512).fill((byte) 5);
            Disk.transfer(queue.next(), IoOpcode.COMPARE, 0, 1, disk.data().iova()).fuse(1);
            queue.submit();
            disk.settle();
            memory.segment().fill((byte) 0xff);
            Disk.transfer(queue.next(), IoOpcode.WRITE, 0, 1, disk.data().iova(PAGE)).fuse(2);
            spoil(memory);
            queue.submit();
            assertThat(disk.await(completions, 2)).extracting(Disk.Done::status).containsOnly(0);
            assertThat(storage.bytes.asSlice(0, 512).toArray(JAVA_BYTE)).containsOnly(5);
        }
    }
}
