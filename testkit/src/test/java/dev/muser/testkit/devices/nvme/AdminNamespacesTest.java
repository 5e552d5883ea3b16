package dev.muser.testkit.devices.nvme;

import static dev.muser.testkit.devices.nvme.AdminRig.ALL;
import static dev.muser.testkit.devices.nvme.AdminRig.u32;
import static dev.muser.testkit.devices.nvme.AdminRig.u64;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.client.DmaBuffer;
import dev.muser.client.DmaMemory;
import dev.muser.client.nvme.AdminOpcode;
import dev.muser.client.nvme.NvmeException;
import dev.muser.client.nvme.Status;
import dev.muser.device.DmaAccess;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.NvmeStatus;
import dev.muser.devices.storage.NullStorage;
import dev.muser.devices.storage.StorageOperation;
import java.util.List;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Format, attachment, management, and namespaces that come and go (NVMe base 1.4, 5.19-5.23). */
class AdminNamespacesTest {
    private static final int CHANGED = 4;
    private static final int LBAF_4096 = 1;

    private final HeldStorage storage = HeldStorage.cached(1 << 20);

    @RegisterExtension
    final AdminRig rig =
            new AdminRig(
                    NamespaceOptions.of(storage, 512, "disk"),
                    new NamespaceOptions(
                            new NullStorage(1 << 20), 512, true, true, UUID.randomUUID(), "ro"),
                    new NamespaceOptions(
                            new NullStorage(1 << 20), 512, false, false, UUID.randomUUID(), "no"),
                    NamespaceOptions.of(new HeldStorage(1 << 16, 4096, false, true), 4096, "big"));

    private static void assertStatus(ThrowingCallable call, int status) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        NvmeException.class, e -> assertThat(e.status()).isEqualTo(status));
    }

    private int formatStatus(int nsid, int settings) {
        return rig.status(AdminOpcode.FORMAT_NVM, e -> e.nsid(nsid).cdw10(settings));
    }

    private DmaBuffer buffer() {
        return rig.dma().allocate(4096, DmaAccess.READ_WRITE, DmaMemory.PAGES);
    }

    @Test
    void shouldFormatToLargeBlocks() {
        storage.bytes.fill((byte) 0x55);
        rig.driver.admin().format(1, LBAF_4096);
        AdminRig.assertZero(storage.bytes);
        assertThat(storage.seen).contains(StorageOperation.ZERO, StorageOperation.FLUSH);
        assertThat(rig.driver.rescan().getFirst().blockShift()).isEqualTo(12);
        assertThat(rig.driver.namespaces().getFirst().blocks()).isEqualTo(256);
        assertThat(u32(rig.driver.admin().getLogPage(CHANGED, ALL, 4096, 0), 0)).isEqualTo(1);
        try (var data = buffer()) {
            rig.driver.sync(rig.driver.namespaces().getFirst()).write(255, 1, data, 0);
        }
        rig.driver.admin().format(1, 1 << 9); // LBAF 0, erase user data
        assertThat(rig.driver.rescan().getFirst().blocks()).isEqualTo(2048);
    }

    @Test
    void shouldRefuseBadFormats() {
        assertThat(formatStatus(1, 2)).as("LBAF 2").isEqualTo(Status.INVALID_FORMAT);
        assertThat(formatStatus(1, 15)).as("LBAF 15").isEqualTo(Status.INVALID_FORMAT);
        assertThat(formatStatus(1, 1 << 5)).as("protection").isEqualTo(Status.INVALID_FORMAT);
        assertThat(formatStatus(1, 2 << 9)).as("crypto erase").isEqualTo(Status.INVALID_FIELD);
        assertThat(formatStatus(1, 7 << 9)).as("SES 7").isEqualTo(Status.INVALID_FIELD);
        assertThat(formatStatus(4, 0)).as("alignment").isEqualTo(Status.INVALID_FORMAT);
        assertThat(formatStatus(0, 0)).isEqualTo(Status.INVALID_NAMESPACE);
        assertThat(formatStatus(257, 0)).isEqualTo(Status.INVALID_NAMESPACE);
        assertThat(formatStatus(3, 0)).as("not attached").isEqualTo(Status.INVALID_FIELD);
        assertThat(formatStatus(2, 0)).as("read-only").isEqualTo(Status.NAMESPACE_WRITE_PROTECTED);
        assertThat(formatStatus(ALL, LBAF_4096)).isEqualTo(Status.NAMESPACE_WRITE_PROTECTED);
        assertThat(storage.seen).isEmpty();
    }

    @Test
    void shouldFormatAllNamespaces() {
        rig.nvme.removeNamespace(2);
        rig.driver.admin().format(ALL, LBAF_4096);
        assertThat(rig.driver.rescan()).extracting(n -> n.blockShift()).containsExactly(12, 12);
        assertThat(u64(rig.driver.admin().identify(0x11, 3, 0), 0)).as("detached").isEqualTo(2048);
    }

    @Test
    void shouldRefuseCommandsWhileAFormatIsUnderWay() {
        var queue = rig.driver.queue(0).select(rig.driver.namespaces().getFirst());
        var seen = new int[] {-1, -1};
        try (var data = buffer()) {
            storage.holding = List.of(StorageOperation.READ, StorageOperation.ZERO);
            queue.read(0, 1, data, 0, 0);
            queue.kick();
            rig.turn();
            assertThat(storage.held).hasSize(1);
            // an admin command that is not waited for
            var admin = rig.driver.admin().queue();
            admin.command(AdminOpcode.FORMAT_NVM).nsid(1).cdw10(LBAF_4096);
            admin.pair().submit();
            rig.turn();
            assertThat(storage.held).as("waits for the read").hasSize(1);
            assertThat(rig.nvme.describe().namespaces().getFirst().formatting()).isTrue();
            queue.read(1, 1, data, 512, 1);
            queue.kick();
            rig.turn();
            queue.poll(c -> seen[(int) c.cookie()] = c.status());
            assertThat(seen).containsExactly(-1, Status.FORMAT_IN_PROGRESS);
            assertThat(formatStatus(1, 0)).isEqualTo(Status.FORMAT_IN_PROGRESS);
            storage.release();
            rig.turn();
            queue.poll(c -> seen[(int) c.cookie()] = c.status());
            assertThat(seen).containsExactly(Status.SUCCESS, Status.FORMAT_IN_PROGRESS);
            rig.turn();
            assertThat(rig.driver.rescan().getFirst().blockShift()).isEqualTo(12);
        }
    }

    @Test
    void shouldFormatTheOthersWhenOneIsRemovedMeanwhile() {
        rig.nvme.removeNamespace(2);
        storage.holding = List.of(StorageOperation.ZERO);
        var admin = rig.driver.admin().queue();
        admin.command(AdminOpcode.FORMAT_NVM).nsid(ALL).cdw10(LBAF_4096);
        admin.pair().submit();
        rig.turn();
        rig.nvme.removeNamespace(4);
        rig.nvme.removeNamespace(1);
        rig.turn();
        assertThat(storage.closed).as("while it is being formatted").isFalse();
        storage.release();
        rig.turn();
        assertThat(storage.closed).isTrue();
        assertThat(rig.driver.rescan()).isEmpty();
        rig.driver.admin().keepAlive();
    }

    @Test
    void shouldForgetAFormatWithAReset() {
        storage.holding = List.of(StorageOperation.ZERO);
        var admin = rig.driver.admin().queue();
        admin.command(AdminOpcode.FORMAT_NVM).nsid(1).cdw10(LBAF_4096);
        admin.pair().submit();
        rig.turn();
        assertThat(storage.held).hasSize(1);
        rig.driver.registers().cc(0);
        storage.release();
        rig.turn();
        rig.driver.reset();
        assertThat(rig.driver.namespaces().getFirst().blockShift()).isEqualTo(9);
        rig.driver.sync(rig.driver.namespaces().getFirst()).flush();
    }

    @Test
    void shouldSayThatAFormatFailed() {
        storage.failing = true;
        assertThat(formatStatus(1, LBAF_4096)).isEqualTo(Status.WRITE_FAULT);
        storage.failing = false;
        assertThat(rig.driver.rescan().getFirst().blockShift()).isEqualTo(9);
        rig.driver.sync(rig.driver.namespaces().getFirst()).flush();
    }

    @Test
    void shouldAttachAndDetach() {
        int us = rig.driver.info().id();
        rig.driver.admin().attachNamespace(3, true, us);
        assertThat(rig.driver.admin().activeNamespaces()).containsExactly(1, 2, 3, 4);
        assertThat(u32(rig.driver.admin().getLogPage(CHANGED, ALL, 4096, 0), 0)).isEqualTo(3);
        assertStatus(
                () -> rig.driver.admin().attachNamespace(3, true, us),
                Status.NAMESPACE_ALREADY_ATTACHED);
        rig.driver.rescan();
        var sync = rig.driver.sync(rig.driver.namespaces().get(2));
        sync.flush();
        rig.driver.admin().attachNamespace(3, false, us);
        assertThat(rig.driver.admin().activeNamespaces()).containsExactly(1, 2, 4);
        assertStatus(
                () -> rig.driver.admin().attachNamespace(3, false, us),
                Status.NAMESPACE_NOT_ATTACHED);
        assertStatus(sync::flush, Status.INVALID_FIELD);
    }

    @Test
    void shouldRefuseBadAttachments() {
        int us = rig.driver.info().id();
        var admin = rig.driver.admin();
        assertStatus(() -> admin.attachNamespace(3, true), Status.CONTROLLER_LIST_INVALID);
        assertStatus(() -> admin.attachNamespace(3, true, us + 1), Status.CONTROLLER_LIST_INVALID);
        assertStatus(
                () -> admin.attachNamespace(3, true, us, us + 1), Status.CONTROLLER_LIST_INVALID);
        assertStatus(() -> admin.attachNamespace(0, true, us), Status.INVALID_NAMESPACE);
        assertStatus(() -> admin.attachNamespace(ALL, true, us), Status.INVALID_NAMESPACE);
        assertStatus(() -> admin.attachNamespace(200, true, us), Status.INVALID_FIELD);
        assertThat(rig.status(AdminOpcode.NAMESPACE_ATTACHMENT, e -> e.nsid(3).cdw10(2)))
                .isEqualTo(Status.INVALID_FIELD);
    }

    @Test
    void shouldLeaveTheMakingOfNamespacesToTheOperator() {
        int management = AdminOpcode.NAMESPACE_MANAGEMENT;
        assertThat(rig.status(management, e -> e.cdw10(0)))
                .isEqualTo(Status.NAMESPACE_INSUFFICIENT_CAPACITY);
        assertThat(rig.status(management, e -> e.nsid(1).cdw10(1)))
                .isEqualTo(Status.OPERATION_DENIED);
        assertThat(rig.status(management, e -> e.nsid(ALL).cdw10(1)))
                .isEqualTo(Status.OPERATION_DENIED);
        assertThat(rig.status(management, e -> e.nsid(0).cdw10(1)))
                .isEqualTo(Status.INVALID_NAMESPACE);
        assertThat(rig.status(management, e -> e.nsid(99).cdw10(1)))
                .isEqualTo(Status.INVALID_FIELD);
        assertThat(rig.status(management, e -> e.nsid(1).cdw10(2))).isEqualTo(Status.INVALID_FIELD);
    }

    @Test
    void shouldCloseARemovedNamespaceWhenItsCommandsAreOver() {
        var first = rig.driver.namespaces().getFirst();
        var queue = rig.driver.queue(0).select(first);
        var seen = new int[] {-1};
        try (var data = buffer()) {
            storage.holding = List.of(StorageOperation.READ);
            queue.read(0, 1, data, 0, 0);
            queue.kick();
            rig.turn();
            rig.nvme.removeNamespace(1);
            rig.turn();
            assertThat(storage.closed).isFalse();
            assertThat(rig.driver.admin().activeNamespaces()).containsExactly(2, 4);
            storage.release();
            rig.turn();
            queue.poll(c -> seen[0] = c.status());
            assertThat(seen).containsExactly(Status.SUCCESS);
            assertThat(storage.closed).isTrue();
        }
        assertStatus(() -> rig.driver.sync(first).flush(), Status.INVALID_FIELD);
        assertThat(u64(rig.driver.admin().getLogPage(2, ALL, 512, 0), 64))
                .as("its reads still count")
                .isEqualTo(1);
        int again =
                rig.nvme.addNamespace(
                        NamespaceOptions.of(HeldStorage.cached(4096), 512, "another"));
        assertThat(again).as("the lowest that is free").isEqualTo(1);
        assertThat(rig.driver.rescan().getFirst().blocks()).isEqualTo(8);
        assertThatThrownBy(() -> rig.nvme.removeNamespace(77))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("77");
    }

    @Test
    void shouldDescribeItself() {
        var status = rig.nvme.describe();
        assertThat(status.serial()).isEqualTo(AdminRig.SERIAL);
        assertThat(status.state()).isEqualTo(NvmeStatus.State.READY);
        assertThat(status.namespaces()).extracting(n -> n.id()).containsExactly(1, 2, 3, 4);
        var first = status.namespaces().getFirst();
        assertThat(first.size()).isEqualTo(1 << 20);
        assertThat(first.blockSize()).isEqualTo(512);
        assertThat(first.description()).isEqualTo("disk");
        assertThat(status.namespaces().get(1).readOnly()).isTrue();
        assertThat(status.namespaces().get(2).attached()).isFalse();
        assertThat(status.submissionQueues()).extracting(q -> q.id()).containsExactly(0, 1);
        assertThat(status.completionQueues()).extracting(q -> q.id()).containsExactly(0, 1);
        assertThat(status.submissionQueues().get(1).completionQueue()).isEqualTo(1);
        rig.driver.registers().cc(0);
        rig.turn();
        assertThat(rig.nvme.describe().state()).isEqualTo(NvmeStatus.State.DISABLED);
        assertThat(rig.nvme.describe().submissionQueues()).isEmpty();
        rig.driver.reset();
    }
}
