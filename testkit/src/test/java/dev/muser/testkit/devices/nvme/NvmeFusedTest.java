package dev.muser.testkit.devices.nvme;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.DmaMemory;
import dev.muser.client.nvme.IoOpcode;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.Status;
import dev.muser.client.nvme.SubmissionEntry;
import dev.muser.devices.storage.StorageOperation;
import dev.muser.linux.Errno;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Fused compare and write: both or nothing, and nothing in between (NVMe base 1.4, 6.2). */
final class NvmeFusedTest {
    private static final int FIRST = SubmissionEntry.FUSE_FIRST;
    private static final int SECOND = SubmissionEntry.FUSE_SECOND;

    /** Where in the data what is to be written begins; before that is what is compared. */
    private static final int WRITTEN = 8192;

    private final PatientStorage storage = new PatientStorage(1 << 20);

    private Disk open() {
        return Disk.of(storage, 4096, NvmeDriverOptions.DEFAULTS.withQueues(2));
    }

    private static void compare(Disk disk, SubmissionEntry e, long lba, int blocks) {
        Disk.transfer(e, IoOpcode.COMPARE, lba, blocks, disk.data().iova()).fuse(FIRST);
    }

    private static void write(Disk disk, SubmissionEntry e, long lba, int blocks) {
        Disk.transfer(e, IoOpcode.WRITE, lba, blocks, disk.data().iova(WRITTEN)).fuse(SECOND);
    }

    private static List<Integer> both(Disk disk, Disk.EntryWriter writer) {
        return statuses(disk.ios(2, writer));
    }

    private static List<Integer> statuses(List<Disk.Done> done) {
        return done.stream()
                .sorted((a, b) -> Integer.compare(a.cid(), b.cid()))
                .map(Disk.Done::status)
                .toList();
    }

    private static void pair(Disk disk, SubmissionEntry e, int i) {
        if (i % 2 == 0) {
            compare(disk, e, 4, 2);
        } else {
            write(disk, e, 4, 2);
        }
    }

    @Test
    void shouldWriteWhatIsAsExpected() {
        try (var disk = open()) {
            storage.bytes.asSlice(4 * 4096, 8192).fill((byte) 3);
            disk.data().segment().asSlice(0, WRITTEN).fill((byte) 3);
            disk.data().segment().asSlice(WRITTEN, 8192).fill((byte) 4);
            assertThat(both(disk, (e, i) -> pair(disk, e, i))).containsExactly(0, 0);
            assertThat(storage.bytes.asSlice(4 * 4096, 8192).toArray(JAVA_BYTE)).containsOnly(4);
            assertThat(storage.bytes.asSlice(0, 4 * 4096).toArray(JAVA_BYTE)).containsOnly(0);
        }
    }

    @Test
    void shouldLeaveAloneWhatIsNotAsExpected() {
        try (var disk = open()) {
            storage.bytes.fill((byte) 3);
            storage.bytes.set(JAVA_BYTE, 4 * 4096 + 8191, (byte) 2);
            var before = storage.bytes.toArray(JAVA_BYTE);
            disk.data().segment().fill((byte) 3);
            assertThat(both(disk, (e, i) -> pair(disk, e, i)))
                    .containsExactly(Status.COMPARE_FAILURE, Status.FAILED_FUSED);
            assertThat(storage.bytes.toArray(JAVA_BYTE)).isEqualTo(before);
            assertThat(storage.operations()).containsExactly(StorageOperation.READ);
            // and the next pair is not affected
            storage.bytes.set(JAVA_BYTE, 4 * 4096 + 8191, (byte) 3);
            assertThat(both(disk, (e, i) -> pair(disk, e, i))).containsExactly(0, 0);
        }
    }

    @Test
    void shouldDoTheSameForMemoryThatIsNotShared() {
        try (var disk = open()) {
            storage.bytes.fill((byte) 3);
            var hidden = disk.buffer(2 * WRITTEN, DmaMemory.MESSAGES);
            hidden.segment().asSlice(0, WRITTEN).fill((byte) 3);
            hidden.segment().asSlice(WRITTEN).fill((byte) 4);
            Disk.EntryWriter writer =
                    (e, i) -> {
                        pair(disk, e, i);
                        long at = hidden.iova(i == 0 ? 0 : WRITTEN);
                        e.prp1(at).prp2(at + 4096);
                    };
            assertThat(both(disk, writer)).containsExactly(0, 0);
            assertThat(storage.bytes.asSlice(4 * 4096, 8192).toArray(JAVA_BYTE)).containsOnly(4);
            assertThat(both(disk, writer))
                    .containsExactly(Status.COMPARE_FAILURE, Status.FAILED_FUSED);
        }
    }

    @Test
    void shouldRefuseASecondHalfAlone() {
        try (var disk = open()) {
            assertThat(disk.status(e -> write(disk, e, 4, 2))).isEqualTo(Status.MISSING_FUSED);
            assertThat(storage.asked).isEmpty();
        }
    }

    @Test
    void shouldRefuseAFirstHalfThatAnotherCommandFollows() {
        try (var disk = open()) {
            assertThat(
                            both(
                                    disk,
                                    (e, i) -> {
                                        if (i == 0) {
                                            compare(disk, e, 4, 2);
                                        } else {
                                            Disk.transfer(
                                                    e, IoOpcode.READ, 0, 1, disk.data().iova());
                                        }
                                    }))
                    .containsExactly(Status.MISSING_FUSED, 0);
        }
    }

    @Test
    void shouldRefuseAFirstHalfThatAnotherFirstHalfFollows() {
        try (var disk = open()) {
            var done =
                    disk.ios(
                            3,
                            (e, i) -> {
                                if (i < 2) {
                                    compare(disk, e, 4, 2);
                                } else {
                                    write(disk, e, 4, 2);
                                }
                            });
            assertThat(statuses(done)).containsExactly(Status.MISSING_FUSED, 0, 0);
        }
    }

    @Test
    void shouldWaitForTheSecondHalf() {
        try (var disk = open()) {
            var queue = disk.driver.queue(0).pair();
            compare(disk, queue.next().cid(1), 4, 2);
            queue.submit();
            disk.settle();
            assertThat(queue.completions().advance()).isFalse();
            assertThat(storage.asked).isEmpty();
            write(disk, queue.next().cid(2), 4, 2);
            queue.submit();
            assertThat(statuses(disk.await(2))).containsExactly(0, 0);
        }
    }

    @Test
    void shouldNotLetAnotherQueuesCommandBeASecondHalf() {
        try (var disk = open()) {
            var one = disk.driver.queue(0).pair();
            var two = disk.driver.queue(1).pair();
            compare(disk, one.next().cid(1), 4, 2);
            one.submit();
            disk.settle();
            write(disk, two.next().cid(2), 4, 2);
            two.submit();
            assertThat(statuses(disk.await(two.completions(), 1)))
                    .containsExactly(Status.MISSING_FUSED);
            write(disk, one.next().cid(3), 4, 2);
            one.submit();
            assertThat(statuses(disk.await(2))).containsExactly(0, 0);
        }
    }

    @Test
    void shouldRefuseHalvesThatDoNotFit() {
        try (var disk = open()) {
            Disk.EntryWriter[] bad = {
                (e, i) -> {
                    pair(disk, e, i);
                    e.lba(i == 0 ? 4 : 5);
                },
                (e, i) -> {
                    pair(disk, e, i);
                    e.cdw12(i);
                },
                (e, i) -> {
                    pair(disk, e, i);
                    e.opcode(i == 0 ? IoOpcode.READ : IoOpcode.WRITE);
                },
                (e, i) -> {
                    pair(disk, e, i);
                    e.opcode(i == 0 ? IoOpcode.COMPARE : IoOpcode.READ);
                },
                (e, i) -> {
                    pair(disk, e, i);
                    e.opcode(i == 0 ? IoOpcode.WRITE : IoOpcode.COMPARE);
                },
                (e, i) -> {
                    pair(disk, e, i);
                    e.nsid(1 + i);
                }
            };
            for (var writer : bad) {
                assertThat(both(disk, writer))
                        .containsExactly(Status.INVALID_FIELD, Status.INVALID_FIELD);
            }
            assertThat(storage.asked).isEmpty();
        }
    }

    @Test
    void shouldEndBothWhenTheFirstIsRefused() {
        try (var disk = open()) {
            assertThat(
                            both(
                                    disk,
                                    (e, i) -> {
                                        pair(disk, e, i);
                                        e.lba(1L << 40);
                                    }))
                    .containsExactly(Status.LBA_OUT_OF_RANGE, Status.FAILED_FUSED);
            assertThat(
                            both(
                                    disk,
                                    (e, i) -> {
                                        pair(disk, e, i);
                                        e.nsid(0);
                                    }))
                    .containsExactly(Status.INVALID_NAMESPACE, Status.FAILED_FUSED);
            storage.errno = Errno.EIO;
            assertThat(both(disk, (e, i) -> pair(disk, e, i)))
                    .containsExactly(Status.UNRECOVERED_READ_ERROR, Status.FAILED_FUSED);
            assertThat(storage.operations()).doesNotContain(StorageOperation.WRITE);
        }
    }

    @Test
    void shouldEndTheSecondWithItsOwnStatus() {
        try (var disk = open()) {
            assertThat(
                            both(
                                    disk,
                                    (e, i) -> {
                                        pair(disk, e, i);
                                        e.prp1(i == 0 ? disk.data().iova() : 3);
                                    }))
                    .containsExactly(0, Status.INVALID_PRP_OFFSET);
            storage.onSubmit =
                    request ->
                            storage.errno =
                                    request.operation() == StorageOperation.WRITE ? Errno.EIO : 0;
            assertThat(both(disk, (e, i) -> pair(disk, e, i)))
                    .containsExactly(0, Status.WRITE_FAULT);
        }
    }

    @Test
    void shouldLetNoOtherWriteInBetween() {
        try (var disk = open()) {
            storage.holding = true;
            var one = disk.driver.queue(0).pair();
            var two = disk.driver.queue(1).pair();
            // one that has begun before is waited for
            Disk.transfer(two.next().cid(1), IoOpcode.WRITE, 4, 1, disk.data().iova());
            two.submit();
            disk.settle();
            for (int i = 0; i < 2; i++) {
                pair(disk, one.next().cid(2 + i), i);
            }
            one.submit();
            disk.settle();
            Disk.transfer(two.next().cid(4), IoOpcode.WRITE, 5, 1, disk.data().iova());
            two.submit();
            disk.settle();
            assertThat(storage.operations()).containsExactly(StorageOperation.WRITE);
            storage.releaseOne();
            disk.settle();
            assertThat(storage.asked).hasSize(2);
            storage.releaseOne(); // what is stored has been read
            disk.settle();
            assertThat(storage.asked).hasSize(3);
            assertThat(storage.asked.get(2).length()).isEqualTo(8192); // the fused write
            storage.releaseOne();
            disk.settle();
            assertThat(storage.asked).hasSize(4);
            assertThat(storage.asked.get(3).offset()).isEqualTo(5 * 4096);
            storage.release();
            assertThat(statuses(disk.await(2))).containsExactly(0, 0);
            assertThat(statuses(disk.await(two.completions(), 2))).containsExactly(0, 0);
        }
    }
}
