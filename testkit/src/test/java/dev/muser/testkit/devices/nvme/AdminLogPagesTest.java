package dev.muser.testkit.devices.nvme;

import static dev.muser.testkit.devices.nvme.AdminRig.ALL;
import static dev.muser.testkit.devices.nvme.AdminRig.assertZero;
import static dev.muser.testkit.devices.nvme.AdminRig.text;
import static dev.muser.testkit.devices.nvme.AdminRig.u16;
import static dev.muser.testkit.devices.nvme.AdminRig.u32;
import static dev.muser.testkit.devices.nvme.AdminRig.u64;
import static dev.muser.testkit.devices.nvme.AdminRig.u8;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import dev.muser.client.DmaBuffer;
import dev.muser.client.DmaMemory;
import dev.muser.client.nvme.AdminOpcode;
import dev.muser.client.nvme.NvmeException;
import dev.muser.client.nvme.Status;
import dev.muser.device.DmaAccess;
import dev.muser.device.ResetKind;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.NvmeStatus;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Get Log Page, as NVMe base 1.4, 5.14 has it. */
class AdminLogPagesTest {
    private static final int ERRORS = 1;
    private static final int SMART = 2;
    private static final int FIRMWARE = 3;
    private static final int CHANGED = 4;
    private static final int EFFECTS = 5;
    private static final int RETAIN = 1 << 15;

    private final HeldStorage storage = HeldStorage.cached(1 << 21);
    @RegisterExtension final AdminRig rig = new AdminRig(NamespaceOptions.of(storage, 512, "disk"));

    private int status(int page, int nsid, int dwords, long offset) {
        return rig.status(
                AdminOpcode.GET_LOG_PAGE,
                e ->
                        e.nsid(nsid)
                                .cdw10(page | (dwords - 1) << 16)
                                .cdw11((dwords - 1) >>> 16)
                                .cdw12((int) offset)
                                .cdw13((int) (offset >>> 32)));
    }

    private DmaBuffer buffer(long size) {
        return rig.dma().allocate(size, DmaAccess.READ_WRITE, DmaMemory.PAGES);
    }

    @Test
    void shouldKeepErrorsTheNewestFirst() {
        var sync = rig.driver.sync(rig.driver.namespaces().getFirst());
        try (var data = buffer(4096)) {
            assertThatThrownBy(() -> sync.read(4095, 2, data, 0)).isInstanceOf(NvmeException.class);
        }
        assertThat(rig.status(0x7f, e -> e.nsid(9))).isEqualTo(Status.INVALID_OPCODE);
        var log = rig.driver.admin().getLogPage(ERRORS, ALL, 4096, 0);
        assertThat(u64(log, 0)).as("error count").isEqualTo(2);
        assertThat(u16(log, 8)).as("queue").isZero();
        assertThat(u16(log, 12) >>> 1 & 0x7ff).as("status").isEqualTo(Status.INVALID_OPCODE);
        assertThat(u16(log, 14)).as("place").isZero();
        assertThat(u32(log, 24)).as("namespace").isEqualTo(9);
        assertThat(u64(log, 64)).as("error count").isEqualTo(1);
        assertThat(u16(log, 64 + 8)).as("queue").isEqualTo(1);
        assertThat(u16(log, 64 + 12) >>> 1 & 0x7ff).isEqualTo(Status.LBA_OUT_OF_RANGE);
        assertThat(u64(log, 64 + 16)).as("first block").isEqualTo(4095);
        assertThat(u32(log, 64 + 24)).as("namespace").isEqualTo(1);
        assertThat(u64(log, 128)).as("no third").isZero();
    }

    @Test
    void shouldKeepTheLast64ErrorsOverAReset() {
        for (int i = 0; i < 70; i++) {
            rig.status(0x7f, e -> e);
        }
        rig.driver.reset();
        var log = rig.driver.admin().getLogPage(ERRORS, 0, 4096, 0);
        assertThat(u64(log, 0)).isEqualTo(70);
        assertThat(u64(log, 63 * 64)).isEqualTo(7);
    }

    @Test
    void shouldCountDataUnitsAndCommands() {
        var sync = rig.driver.sync(rig.driver.namespaces().getFirst());
        try (var data = buffer(1 << 20)) {
            sync.write(0, 2048, data, 0);
            sync.read(0, 1, data, 0);
            assertThat(sync.compare(1, 1, data, 512)).isTrue();
            storage.failing = true;
            assertThatThrownBy(() -> sync.read(0, 1, data, 0)).isInstanceOf(NvmeException.class);
            storage.failing = false;
        }
        var log = rig.driver.admin().getLogPage(SMART, ALL, 512, 0);
        assertThat(u8(log, 0)).as("critical warning").isZero();
        assertThat(u16(log, 1)).as("temperature").isEqualTo(313);
        assertThat(u8(log, 3)).as("spare").isEqualTo(100);
        assertThat(u64(log, 32)).as("data units read: 1,024 bytes").isEqualTo(1);
        assertThat(u64(log, 48)).as("data units written: 1,048,576 bytes").isEqualTo(3);
        assertThat(u64(log, 64)).as("reads").isEqualTo(2);
        assertThat(u64(log, 80)).as("writes").isEqualTo(1);
        assertThat(u64(log, 112)).as("power cycles").isEqualTo(1);
        assertThat(u64(log, 160)).as("media errors").isEqualTo(1);
        assertThat(u64(log, 176)).as("error entries").isEqualTo(1);
    }

    @ParameterizedTest
    @EnumSource(ResetKind.class)
    void shouldCountDriversThatGoWithoutAShutdown(ResetKind kind) {
        rig.nvme.reset(kind);
        rig.nvme.reset(ResetKind.DEVICE); // before it is enabled: nothing was going on
        rig.driver.registers().cc(0);
        rig.driver.reset();
        var log = rig.driver.admin().getLogPage(SMART, ALL, 512, 0);
        assertThat(u64(log, 144)).as("unsafe shutdowns").isEqualTo(1);
        rig.driver.registers().cc(rig.driver.registers().cc() | 1 << 14);
        rig.turn();
        assertThat(rig.nvme.describe().state()).isEqualTo(NvmeStatus.State.SHUT_DOWN);
        rig.nvme.reset(kind);
        rig.driver.registers().cc(0);
        rig.driver.reset();
        log = rig.driver.admin().getLogPage(SMART, ALL, 512, 0);
        assertThat(u64(log, 144)).as("unsafe shutdowns").isEqualTo(1);
    }

    @Test
    void shouldTellOfOneFirmwareSlot() {
        var log = rig.driver.admin().getLogPage(FIRMWARE, ALL, 512, 0);
        assertThat(u8(log, 0)).as("AFI").isEqualTo(1);
        assertThat(text(log, 8, 8).strip()).isEqualTo(rig.driver.info().firmware());
        assertThat(u64(log, 16)).as("no second slot").isZero();
    }

    @Test
    void shouldListTheEffectsOfCommands() {
        var log = rig.driver.admin().getLogPage(EFFECTS, ALL, 4096, 0);
        for (int opcode : new int[] {0, 1, 2, 4, 5, 6, 8, 9, 0xa, 0xc, 0x18, 0x7c}) {
            assertThat(u32(log, 4L * opcode)).as("admin command 0x%x", opcode).isEqualTo(1);
        }
        assertThat(u32(log, 4 * 0x0d)).as("namespace management").isEqualTo(9);
        assertThat(u32(log, 4 * 0x15)).as("namespace attachment").isEqualTo(9);
        assertThat(u32(log, 4 * 0x80) & 7).as("format").isEqualTo(7);
        assertThat(u32(log, 4 * 0x84)).as("sanitize").isZero();
        for (int opcode : new int[] {0, 2, 5, 0xc}) {
            assertThat(u32(log, 1024 + 4L * opcode)).as("0x%x", opcode).isEqualTo(1);
        }
        for (int opcode : new int[] {1, 8, 9}) {
            assertThat(u32(log, 1024 + 4L * opcode)).as("0x%x", opcode).isEqualTo(3);
        }
        assertThat(u32(log, 1024 + 4 * 4)).as("write uncorrectable").isZero();
    }

    @Test
    void shouldListChangedNamespacesUntilTheyHaveBeenRead() {
        rig.nvme.addNamespace(NamespaceOptions.of(HeldStorage.cached(4096), 512, "b"));
        rig.nvme.addNamespace(NamespaceOptions.of(HeldStorage.cached(4096), 512, "c"));
        rig.nvme.removeNamespace(2);
        try (var data = buffer(4096)) {
            for (int i = 0; i < 2; i++) {
                rig.result(
                        AdminOpcode.GET_LOG_PAGE,
                        e -> e.nsid(ALL).cdw10(CHANGED | RETAIN | 1023 << 16).prp1(data.iova()));
                var log = data.segment();
                assertThat(new int[] {u32(log, 0), u32(log, 4), u32(log, 8)})
                        .containsExactly(2, 3, 0);
            }
        }
        assertThat(u32(rig.driver.admin().getLogPage(CHANGED, ALL, 4096, 0), 4)).isEqualTo(3);
        assertZero(rig.driver.admin().getLogPage(CHANGED, ALL, 4096, 0));
    }

    @Test
    void shouldReadFromAnOffsetAndBehindTheEnd() {
        var whole = rig.driver.admin().getLogPage(SMART, ALL, 512, 0);
        var part = rig.driver.admin().getLogPage(SMART, ALL, 64, 160);
        assertThat(u64(part, 0)).isEqualTo(u64(whole, 160));
        var more = rig.driver.admin().getLogPage(EFFECTS, ALL, 8192, 0);
        assertZero(more.asSlice(4096));
        assertZero(rig.driver.admin().getLogPage(SMART, ALL, 8, 512));
    }

    @Test
    void shouldSendZerosBehindAShortPageWhateverWasSentBefore() {
        for (int i = 0; i < 8; i++) {
            rig.driver.admin().getLogPage(EFFECTS, ALL, 4096, 0);
            assertZero(rig.driver.admin().getLogPage(SMART, ALL, 4096, 0).asSlice(512));
        }
    }

    /** So that many that wait for a buffer do not fill the heap. */
    @Test
    void shouldNotMakeAPageAsLongAsIsAskedFor() {
        var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        int size = 1 << 20;
        try (var data = buffer(size);
                var list = buffer(4096)) {
            for (int i = 1; i < size / 4096; i++) {
                list.segment().setAtIndex(JAVA_LONG, i - 1, data.iova() + 4096L * i);
            }
            long least = Long.MAX_VALUE;
            for (int i = 0; i < 10; i++) {
                data.segment().fill((byte) 7);
                long before = threads.getCurrentThreadAllocatedBytes();
                rig.result(
                        AdminOpcode.GET_LOG_PAGE,
                        e ->
                                e.nsid(ALL)
                                        .cdw10(SMART | 0xffff << 16)
                                        .cdw11(3)
                                        .prp1(data.iova())
                                        .prp2(list.iova()));
                least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
                assertThat(u16(data.segment(), 1)).as("temperature").isEqualTo(313);
                assertZero(data.segment().asSlice(512));
            }
            assertThat(least).as("bytes on the heap for 1 MiB").isLessThan(size / 4);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0x00, 0x06, 0x07, 0x0d, 0x70, 0x80, 0x81, 0xff})
    void shouldRefuseOtherPages(int page) {
        assertThat(status(page, ALL, 128, 0)).isEqualTo(Status.INVALID_LOG_PAGE);
    }

    @Test
    void shouldRefuseBadOffsetsLengthsAndNamespaces() {
        assertThat(status(SMART, ALL, 128, 2)).as("offset 2").isEqualTo(Status.INVALID_FIELD);
        assertThat(status(SMART, ALL, 128, 516)).as("beyond").isEqualTo(Status.INVALID_FIELD);
        assertThat(status(SMART, ALL, 128, 1L << 32)).isEqualTo(Status.INVALID_FIELD);
        assertThat(status(SMART, ALL, 128, 1L << 63)).isEqualTo(Status.INVALID_FIELD);
        assertThat(status(SMART, ALL, (1 << 18) + 1, 0)).as("MDTS").isEqualTo(Status.INVALID_FIELD);
        assertThat(status(SMART, ALL, 0, 0)).as("16 GiB").isEqualTo(Status.INVALID_FIELD);
        assertThat(status(SMART, 1, 128, 0)).as("namespace 1").isEqualTo(Status.INVALID_FIELD);
    }

    @Test
    void shouldRefuseMemoryThatIsNotThere() {
        assertThat(
                        rig.status(
                                AdminOpcode.GET_LOG_PAGE,
                                e -> e.nsid(ALL).cdw10(SMART | 127 << 16).prp1(1L << 60)))
                .isEqualTo(Status.DATA_TRANSFER_ERROR);
        assertThat(
                        rig.status(
                                AdminOpcode.GET_LOG_PAGE,
                                e -> e.nsid(ALL).cdw10(SMART | 127 << 16).prp1(1)))
                .isEqualTo(Status.INVALID_PRP_OFFSET);
    }
}
