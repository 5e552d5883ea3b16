package dev.muser.testkit.devices.nvme;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.nvme.AdminCommands;
import dev.muser.client.nvme.IoOpcode;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.Status;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.StorageOperation;
import dev.muser.linux.Errno;
import dev.muser.testkit.devices.nvme.PatientStorage.Asked;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The NVM command set (NVMe base 1.4, chapter 6), as it reaches the storage. */
final class NvmeCommandsTest {
    private static final int BLOCK = 512;
    private static final long SIZE = 64L << 20;
    private static final int FUA = 1 << 30;
    private static final int DEAC = 1 << 25;
    private static final int DEALLOCATE = 1 << 2;
    private static final int ALL = 0xffff_ffff;

    private final PatientStorage storage = new PatientStorage(SIZE);
    private final PatientStorage second = new PatientStorage(1 << 20);
    private final PatientStorage detached = new PatientStorage(1 << 20);

    private Disk open() {
        return Disk.open(
                NvmeOptions.of(
                        "TEST",
                        List.of(
                                NamespaceOptions.of(storage, BLOCK, "first"),
                                NamespaceOptions.of(second, 4096, "second"),
                                new NamespaceOptions(
                                        detached,
                                        4096,
                                        false,
                                        false,
                                        NamespaceOptions.uuidOf("third"),
                                        "third"))),
                NvmeDriverOptions.DEFAULTS);
    }

    @Test
    void shouldForceAWriteThatAsksForIt() {
        try (var disk = open()) {
            for (int flags : new int[] {0, FUA}) {
                int status =
                        disk.status(e ->
                                Disk.transfer(e, IoOpcode.WRITE, 5, 2, disk.data().iova())
                                        .cdw12(1 | flags));
                assertThat(status).isZero();
            }
            assertThat(storage.asked)
                    .containsExactly(
                            new Asked(StorageOperation.WRITE, 5 * BLOCK, 1024, false, false),
                            new Asked(StorageOperation.WRITE, 5 * BLOCK, 1024, true, false));
        }
    }

    @Test
    void shouldForceAllWritesWithoutAWriteCache() {
        try (var disk = open()) {
            disk.driver.admin().setFeature(AdminCommands.FEATURE_WRITE_CACHE, 0, 0);
            assertThat(disk.status(IoOpcode.WRITE, 0, 1)).isZero();
            assertThat(storage.asked.getLast().forced()).isTrue();
            disk.driver.admin().setFeature(AdminCommands.FEATURE_WRITE_CACHE, 0, 1);
            assertThat(disk.status(IoOpcode.WRITE, 0, 1)).isZero();
            assertThat(storage.asked.getLast().forced()).isFalse();
        }
    }

    @Test
    void shouldFlushTheNamespaceThatIsNamed() {
        try (var disk = open()) {
            assertThat(disk.status(e -> e.opcode(IoOpcode.FLUSH).nsid(2))).isZero();
            assertThat(storage.asked).isEmpty();
            assertThat(second.operations()).containsExactly(StorageOperation.FLUSH);
        }
    }

    @Test
    void shouldFlushAllAttachedNamespaces() {
        try (var disk = open()) {
            assertThat(disk.status(e -> e.opcode(IoOpcode.FLUSH).nsid(ALL))).isZero();
            assertThat(storage.operations()).containsExactly(StorageOperation.FLUSH);
            assertThat(second.operations()).containsExactly(StorageOperation.FLUSH);
            assertThat(detached.asked).isEmpty();
            second.errno = Errno.EIO;
            assertThat(disk.status(e -> e.opcode(IoOpcode.FLUSH).nsid(ALL)))
                    .isEqualTo(Status.WRITE_FAULT);
        }
    }

    @Test
    void shouldWriteZeroesBeyondTheLargestTransfer() {
        try (var disk = open()) {
            storage.bytes.fill((byte) 7);
            int status =
                    disk.status(e ->
                            e.opcode(IoOpcode.WRITE_ZEROES).nsid(1).lba(3).cdw12(0xffff | FUA));
            assertThat(status).isZero();
            assertThat(storage.asked)
                    .containsExactly(
                            new Asked(
                                    StorageOperation.ZERO, 3 * BLOCK, 65536L * BLOCK, true, false));
            assertThat(at(3 * BLOCK - 1)).isEqualTo((byte) 7);
            assertThat(at(3 * BLOCK)).isZero();
            assertThat(at((3 + 65536) * BLOCK - 1)).isZero();
            assertThat(at((3 + 65536) * BLOCK)).isEqualTo((byte) 7);
        }
    }

    @Test
    void shouldLetZeroesDeallocateOnlyWhenAsked() {
        try (var disk = open()) {
            for (int flags : new int[] {0, DEAC}) {
                assertThat(
                                disk.status(e ->
                                        e.opcode(IoOpcode.WRITE_ZEROES)
                                                .nsid(1)
                                                .lba(0)
                                                .cdw12(7 | flags)))
                        .isZero();
            }
            assertThat(storage.asked).extracting(Asked::mayDeallocate).containsExactly(false, true);
        }
    }

    private static void range(Disk disk, int index, long lba, int blocks) {
        disk.data().segment().set(ValueLayout.JAVA_INT, index * 16L, 0xffff_ffff);
        disk.data().segment().set(ValueLayout.JAVA_INT, index * 16L + 4, blocks);
        disk.data().segment().set(ValueLayout.JAVA_LONG, index * 16L + 8, lba);
    }

    private static int manage(Disk disk, int ranges, int attributes) {
        return disk.status(e ->
                e.opcode(IoOpcode.DATASET_MANAGEMENT)
                        .nsid(1)
                        .prp1(disk.data().iova())
                        .prp2(disk.data().iova(4096))
                        .cdw10(ranges - 1)
                        .cdw11(attributes));
    }

    @Test
    void shouldDeallocateOneRange() {
        try (var disk = open()) {
            range(disk, 0, 7, 9);
            range(disk, 1, 100, 9); // not of this command
            assertThat(manage(disk, 1, DEALLOCATE)).isZero();
            assertThat(storage.asked)
                    .containsExactly(
                            new Asked(
                                    StorageOperation.DISCARD, 7 * BLOCK, 9 * BLOCK, false, false));
        }
    }

    @Test
    void shouldDeallocateAsManyRangesAsFit() {
        try (var disk = open()) {
            for (int i = 0; i < 256; i++) {
                range(disk, i, 10L * i, i % 10); // some of them are empty
            }
            assertThat(manage(disk, 256, DEALLOCATE)).isZero();
            assertThat(storage.asked).hasSize(230);
            assertThat(storage.asked.getFirst())
                    .isEqualTo(
                            new Asked(StorageOperation.DISCARD, 10 * BLOCK, BLOCK, false, false));
            assertThat(storage.asked.getLast())
                    .isEqualTo(
                            new Asked(
                                    StorageOperation.DISCARD,
                                    2550 * BLOCK,
                                    5 * BLOCK,
                                    false,
                                    false));
        }
    }

    @Test
    void shouldNotDeallocateWhatIsMeantAsAHint() {
        try (var disk = open()) {
            range(disk, 0, 0, 8);
            assertThat(manage(disk, 1, 3)).isZero(); // integral dataset for read, for write
            assertThat(storage.asked).isEmpty();
        }
    }

    @Test
    void shouldRefuseRangesBeyondTheEndAndDoNothing() {
        try (var disk = open()) {
            long blocks = SIZE / BLOCK;
            long[][] bad = {
                {blocks, 1}, {blocks - 1, 2}, {-1, 1}, {Long.MIN_VALUE, 1}, {1, 0xffffffffL}
            };
            for (var range : bad) {
                range(disk, 0, 0, 1);
                range(disk, 1, range[0], (int) range[1]);
                assertThat(manage(disk, 2, DEALLOCATE)).isEqualTo(Status.LBA_OUT_OF_RANGE);
            }
            assertThat(storage.asked).isEmpty();
            range(disk, 1, blocks - 1, 1);
            assertThat(manage(disk, 2, DEALLOCATE)).isZero();
        }
    }

    @Test
    void shouldCompareWhatIsStored() {
        try (var disk = open()) {
            for (int i = 0; i < 8192; i++) {
                storage.bytes.set(JAVA_BYTE, 1024 + i, (byte) (i * 31));
                disk.data().segment().set(JAVA_BYTE, i, (byte) (i * 31));
            }
            assertThat(disk.status(IoOpcode.COMPARE, 2, 16)).isZero();
            for (int at : new int[] {0, 4095, 4096, 8191}) {
                byte right = disk.data().segment().get(JAVA_BYTE, at);
                disk.data().segment().set(JAVA_BYTE, at, (byte) (right + 1));
                assertThat(disk.status(IoOpcode.COMPARE, 2, 16))
                        .as("byte %d", at)
                        .isEqualTo(Status.COMPARE_FAILURE);
                disk.data().segment().set(JAVA_BYTE, at, right);
            }
            assertThat(storage.operations()).containsOnly(StorageOperation.READ);
        }
    }

    @Test
    void shouldVerifyBeyondTheLargestTransfer() {
        try (var disk = open()) {
            assertThat(disk.status(e -> e.opcode(IoOpcode.VERIFY).nsid(1).lba(1).cdw12(0xffff)))
                    .isZero();
            long at = BLOCK;
            for (var asked : storage.asked) {
                assertThat(asked.operation()).isEqualTo(StorageOperation.READ);
                assertThat(asked.offset()).isEqualTo(at);
                at += asked.length();
            }
            assertThat(at).isEqualTo(65537L * BLOCK);
            storage.errno = Errno.EIO;
            assertThat(disk.status(e -> e.opcode(IoOpcode.VERIFY).nsid(1).lba(1).cdw12(0)))
                    .isEqualTo(Status.UNRECOVERED_READ_ERROR);
        }
    }

    @Test
    void shouldTellOfTroubleWithTheStorage() {
        try (var disk = open()) {
            storage.errno = Errno.EIO;
            assertThat(disk.status(IoOpcode.READ, 0, 1)).isEqualTo(Status.UNRECOVERED_READ_ERROR);
            assertThat(disk.status(IoOpcode.COMPARE, 0, 1))
                    .isEqualTo(Status.UNRECOVERED_READ_ERROR);
            assertThat(disk.status(IoOpcode.WRITE, 0, 1)).isEqualTo(Status.WRITE_FAULT);
            storage.errno = Errno.ENOSPC;
            assertThat(disk.status(IoOpcode.WRITE, 0, 1)).isEqualTo(Status.CAPACITY_EXCEEDED);
            storage.errno = Errno.EROFS;
            assertThat(disk.status(IoOpcode.WRITE, 0, 1))
                    .isEqualTo(Status.NAMESPACE_WRITE_PROTECTED);
            storage.errno = 0;
            assertThat(disk.status(IoOpcode.WRITE, 0, 1)).isZero();
        }
    }

    private byte at(long offset) {
        return storage.bytes.get(JAVA_BYTE, offset);
    }
}
