package dev.muser.testkit.devices.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.nvme.AdminOpcode;
import dev.muser.client.nvme.IoOpcode;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.Status;
import dev.muser.devices.storage.StorageOperation;
import org.junit.jupiter.api.Test;

/** Features that make what was written durable, also what is being written meanwhile. */
final class NvmeDrainTest {
    private static final int WRITE_CACHE = 0x06;
    private static final int WRITE_PROTECTION = 0x84;
    private static final int CID = 0x300;

    private final PatientStorage storage = new PatientStorage(1 << 20);

    private Disk open() {
        var disk = Disk.of(storage, 512, NvmeDriverOptions.DEFAULTS);
        storage.asked.clear();
        storage.holding = true;
        return disk;
    }

    private static void write(Disk disk, int cid) {
        var pair = disk.driver.queue(0).pair();
        Disk.transfer(pair.next(), IoOpcode.WRITE, cid, 1, disk.data().iova()).cid(cid);
        pair.submit();
        disk.settle();
    }

    /** Does not wait for its end. */
    private static void set(Disk disk, int feature, int nsid, int value) {
        var pair = disk.driver.admin().queue().pair();
        pair.next()
                .clear()
                .opcode(AdminOpcode.SET_FEATURES)
                .nsid(nsid)
                .cdw10(feature)
                .cdw11(value)
                .cid(CID);
        pair.submit();
        disk.settle();
    }

    private static void assertSet(Disk disk) {
        var done = disk.await(disk.driver.admin().queue().pair().completions(), 1).getFirst();
        assertThat(done.cid()).isEqualTo(CID);
        assertThat(done.status()).isZero();
    }

    @Test
    void shouldFlushWhenTheWritesAreOverThatTheCacheWasOnFor() {
        try (var disk = open()) {
            write(disk, 1);
            set(disk, WRITE_CACHE, 0, 0);
            write(disk, 2); // is not waited for
            assertThat(storage.operations())
                    .containsExactly(StorageOperation.WRITE, StorageOperation.WRITE);
            assertThat(storage.asked.getLast().forced()).isTrue();
            storage.releaseOne();
            disk.settle();
            assertThat(storage.operations())
                    .containsExactly(
                            StorageOperation.WRITE, StorageOperation.WRITE, StorageOperation.FLUSH);
            assertThat(disk.driver.admin().queue().pair().completions().advance()).isFalse();
            storage.release();
            assertSet(disk);
            assertThat(disk.await(2)).extracting(Disk.Done::status).containsOnly(0);
        }
    }

    @Test
    void shouldFlushWhenTheWritesAreOverThatCameBeforeTheProtection() {
        try (var disk = open()) {
            write(disk, 1);
            set(disk, WRITE_PROTECTION, 1, 1);
            assertThat(storage.operations()).containsExactly(StorageOperation.WRITE);
            write(disk, 2);
            var refused = disk.await(1).getFirst();
            assertThat(refused.status()).isEqualTo(Status.NAMESPACE_WRITE_PROTECTED);
            storage.releaseOne();
            disk.settle();
            assertThat(storage.operations())
                    .containsExactly(StorageOperation.WRITE, StorageOperation.FLUSH);
            storage.release();
            assertSet(disk);
            assertThat(disk.await(1).getFirst().status()).isZero();
        }
    }

    @Test
    void shouldForgetToFlushWhenItIsResetMeanwhile() {
        try (var disk = open()) {
            write(disk, 1);
            set(disk, WRITE_CACHE, 0, 0);
            disk.driver.registers().cc(0);
            storage.release();
            disk.settle();
            assertThat(storage.operations()).containsExactly(StorageOperation.WRITE);
            disk.driver.reset();
            assertThat(disk.status(IoOpcode.WRITE, 0, 1)).isZero();
        }
    }
}
