package dev.muser.testkit.devices.nvme;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.DmaBuffer;
import dev.muser.client.PciFunction;
import dev.muser.client.nvme.AdminCommands;
import dev.muser.client.nvme.AdminOpcode;
import dev.muser.client.nvme.AsyncEvent;
import dev.muser.client.nvme.ControllerRegisters;
import dev.muser.client.nvme.IoOpcode;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.Status;
import dev.muser.client.nvme.SubmissionEntry;
import dev.muser.device.ClientKind;
import dev.muser.device.Irq;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.nvme.NvmeStatus;
import dev.muser.devices.storage.MemoryStorage;
import dev.muser.service.DescriptorStore;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** What a controller is, before and after its process has died. */
final class NvmeRestartStateTest {
    private static final long SIZE = 1 << 20;
    private static final long PATIENCE = 20_000_000_000L;
    private static final int READY = ControllerRegisters.CSTS_READY;
    private static final int WRITE_PROTECTION = 0x84;
    private static final int NOTICES = 1 << 8;

    private final GateStorage.Gate gate = new GateStorage.Gate();
    private final List<String> names = new ArrayList<>(List.of("first"));

    private NamespaceOptions namespace(String name, DescriptorStore store) {
        var storage = new GateStorage(new MemoryStorage(SIZE, store.under(name + ".")), gate);
        return NamespaceOptions.of(storage, 512, name);
    }

    private final class Rig implements AutoCloseable {
        final RestartableDisk disk =
                new RestartableDisk(
                        store -> names.stream().map(name -> namespace(name, store)).toList(),
                        namespaces -> NvmeOptions.of("STATE", namespaces).withQueues(4));
        final PciFunction function;
        final NvmeDriver driver;
        final DmaBuffer data;

        Rig(NvmeDriverOptions options) {
            disk.kind(ClientKind.VIRTUAL_MACHINE);
            function = new PciFunction(disk);
            driver = NvmeDriver.open(function, options);
            data = function.dma().allocate(1 << 16);
        }

        Rig() {
            this(NvmeDriverOptions.DEFAULTS);
        }

        AdminCommands admin() {
            return driver.admin();
        }

        void serveUntil(BooleanSupplier condition) {
            long end = System.nanoTime() + PATIENCE;
            while (!condition.getAsBoolean()) {
                disk.serve();
                assertThat(System.nanoTime()).as("it never came to that").isLessThan(end);
            }
        }

        void settle() {
            for (int i = 0; i < 100; i++) {
                disk.serve();
            }
        }

        /** Sends one command by the first queue; returns its status. */
        int status(Consumer<SubmissionEntry> command) {
            var pair = driver.queue(0).pair();
            command.accept(pair.next().cid(1).nsid(1).prp1(data.iova()));
            pair.submit();
            serveUntil(() -> pair.completions().advance());
            pair.completions().acknowledge();
            return pair.completions().completion().status();
        }

        int adminStatus(int opcode, Consumer<SubmissionEntry> command) {
            command.accept(admin().queue().command(opcode));
            return admin().queue().tryExecute().status();
        }

        @Override
        public void close() {
            try (disk;
                    function) {
                driver.close();
            }
        }
    }

    private static void write(SubmissionEntry entry) {
        entry.opcode(IoOpcode.WRITE);
    }

    private static void read(SubmissionEntry entry) {
        entry.opcode(IoOpcode.READ);
    }

    @Test
    void shouldKeepWhatTheDriverHasMadeOfNamespaces() {
        try (var rig = new Rig()) {
            rig.data.segment().fill((byte) 3);
            assertThat(rig.status(NvmeRestartStateTest::write)).isZero();
            rig.admin().format(1, 1);
            rig.admin().setFeature(WRITE_PROTECTION, 1, 1);
            rig.disk.die();
            assertThat(rig.admin().identifyNamespace(1).blockSize()).isEqualTo(4096);
            assertThat(rig.admin().getFeature(WRITE_PROTECTION, 1, 0)).isEqualTo(1);
            assertThat(rig.status(NvmeRestartStateTest::write))
                    .isEqualTo(Status.NAMESPACE_WRITE_PROTECTED);
            rig.admin().attachNamespace(1, false, 1);
            rig.disk.die();
            assertThat(rig.admin().activeNamespaces()).isEmpty();
            rig.admin().attachNamespace(1, true, 1);
            assertThat(rig.status(NvmeRestartStateTest::read)).isZero();
            assertThat(rig.data.segment().asSlice(0, 4096).toArray(JAVA_BYTE)).containsOnly(0);
        }
    }

    @Test
    void shouldKeepLogsAndCounters() {
        try (var rig = new Rig()) {
            assertThat(rig.status(NvmeRestartStateTest::write)).isZero();
            assertThat(rig.status(e -> e.opcode(IoOpcode.READ).lba(1 << 30))).isNotZero();
            rig.settle();
            rig.disk.die();
            assertThat(rig.status(NvmeRestartStateTest::read)).isZero();
            rig.settle();
            var smart = rig.admin().getLogPage(AdminCommands.LOG_HEALTH, -1, 512, 0);
            assertThat(smart.get(JAVA_BYTE, 64)).as("reads").isEqualTo((byte) 1);
            assertThat(smart.get(JAVA_BYTE, 80)).as("writes").isEqualTo((byte) 1);
            assertThat(smart.get(JAVA_BYTE, 176)).as("errors").isEqualTo((byte) 1);
            var errors = rig.admin().getLogPage(AdminCommands.LOG_ERROR, -1, 64, 0);
            assertThat(errors.get(JAVA_BYTE, 8)).as("queue").isEqualTo((byte) 1);
        }
    }

    @Test
    void shouldReportEventsThatHaveNotBeenReported() {
        try (var rig = new Rig(NvmeDriverOptions.DEFAULTS.withAsyncEvents(0))) {
            rig.driver.doorbells().submissionTail(4, 1); // no such queue, and no request
            rig.disk.die();
            rig.admin().queue().pair().next().opcode(AdminOpcode.ASYNC_EVENT_REQUEST).cid(9);
            rig.admin().queue().pair().submit();
            var completions = rig.admin().queue().pair().completions();
            rig.serveUntil(completions::advance);
            assertThat(completions.completion().commandId()).isEqualTo(9);
            assertThat(completions.completion().dw0() & 7).isEqualTo(AsyncEvent.ERROR);
        }
    }

    @Test
    void shouldAbortARequestForEventsThatAnotherProcessHasTaken() {
        try (var rig = new Rig(NvmeDriverOptions.DEFAULTS.withAsyncEvents(0))) {
            rig.admin().queue().pair().next().opcode(AdminOpcode.ASYNC_EVENT_REQUEST).cid(0x77);
            rig.admin().queue().pair().submit();
            rig.settle();
            rig.disk.die();
            rig.settle();
            assertThat(rig.admin().queue().pair().completions().advance()).isFalse();
            rig.admin().queue().pair().next().opcode(AdminOpcode.ABORT).cdw10(0x77 << 16).cid(1);
            rig.admin().queue().pair().submit();
            var statuses = new ArrayList<Integer>();
            var completions = rig.admin().queue().pair().completions();
            for (int i = 0; i < 2; i++) {
                rig.serveUntil(completions::advance);
                statuses.add(completions.completion().status());
            }
            assertThat(statuses).containsExactlyInAnyOrder(Status.ABORT_REQUESTED, 0);
        }
    }

    @Test
    void shouldDoAgainWhatAStorageHad() {
        try (var rig = new Rig()) {
            gate.closed = true;
            rig.data.segment().fill((byte) 4);
            var pair = rig.driver.queue(0).pair();
            for (int i = 0; i < 5; i++) {
                pair.next().cid(i).nsid(1).opcode(IoOpcode.WRITE).lba(i).prp1(rig.data.iova());
            }
            pair.submit();
            rig.settle();
            rig.disk.die();
            rig.settle();
            rig.disk.die();
            rig.settle();
            assertThat(pair.completions().advance()).isFalse();
            gate.closed = false;
            var ids = new BitSet();
            for (int i = 0; i < 5; i++) {
                rig.serveUntil(() -> pair.completions().advance());
                ids.set(pair.completions().completion().commandId());
            }
            assertThat(ids.cardinality()).isEqualTo(5);
            rig.settle();
            assertThat(pair.completions().advance()).isFalse();
            pair.completions().acknowledge();
        }
    }

    /** More complete than their queue holds; the driver is slow to take them. */
    @Test
    void shouldPostWhatWaitsForRoom() {
        try (var rig = new Rig(NvmeDriverOptions.DEFAULTS.withDepth(8).withQueues(2))) {
            var small = rig.driver.queue(1).pair();
            rig.admin().deleteSubmissionQueue(2);
            rig.admin().deleteSubmissionQueue(1);
            rig.admin().deleteCompletionQueue(1);
            // both submission queues complete in the second pair's queue
            rig.driver.queue(0).pair().submissions().reset();
            small.submissions().reset();
            command(rig, 1, rig.driver.queue(0).pair().submissions().iova());
            command(rig, 2, small.submissions().iova());
            for (int i = 0; i < 8; i++) {
                rig.driver
                        .queue(0)
                        .pair()
                        .next()
                        .cid(i)
                        .nsid(1)
                        .opcode(IoOpcode.READ)
                        .prp1(rig.data.iova());
                small.next().cid(8 + i).nsid(1).opcode(IoOpcode.READ).prp1(rig.data.iova());
            }
            rig.driver.queue(0).pair().submit();
            small.submit();
            rig.settle();
            rig.disk.die();
            rig.settle();
            var ids = new BitSet();
            while (ids.cardinality() < 16) {
                rig.serveUntil(() -> small.completions().advance());
                int id = small.completions().completion().commandId();
                assertThat(ids.get(id)).isFalse();
                ids.set(id);
                small.completions().acknowledge();
                if (ids.cardinality() % 5 == 0) {
                    rig.disk.die();
                }
            }
        }
    }

    private static void command(Rig rig, int id, long address) {
        assertThat(
                        rig.adminStatus(
                                AdminOpcode.CREATE_SUBMISSION_QUEUE,
                                e -> e.prp1(address).cdw10(8 << 16 | id).cdw11(2 << 16 | 1)))
                .isZero();
    }

    @Test
    void shouldFinishADisablingThatWasUnderWay() {
        try (var rig = new Rig()) {
            gate.closed = true;
            var pair = rig.driver.queue(0).pair();
            pair.next().cid(1).nsid(1).opcode(IoOpcode.WRITE).prp1(rig.data.iova());
            pair.submit();
            rig.settle();
            rig.driver.registers().cc(ControllerRegisters.CC_ENTRY_SIZES);
            assertThat(gate.cancelled).isPositive();
            assertThat(rig.driver.registers().csts() & READY).isEqualTo(READY);
            rig.disk.die();
            rig.serveUntil(() -> (rig.driver.registers().csts() & READY) == 0);
            gate.closed = false;
            rig.settle();
            assertThat(pair.completions().advance()).isFalse();
            rig.driver.reset();
            assertThat(rig.status(NvmeRestartStateTest::read)).isZero();
            assertThat(rig.data.segment().get(JAVA_BYTE, 0)).isZero();
        }
    }

    @Test
    void shouldFinishAShutdownThatWasUnderWay() {
        try (var rig = new Rig()) {
            gate.closed = true;
            rig.driver
                    .registers()
                    .cc(
                            ControllerRegisters.CC_ENTRY_SIZES
                                    | ControllerRegisters.CC_ENABLE
                                    | ControllerRegisters.CC_SHUTDOWN_NORMAL);
            rig.settle();
            rig.disk.die();
            rig.settle();
            assertThat(rig.driver.registers().csts() & ControllerRegisters.CSTS_SHUTDOWN)
                    .isNotEqualTo(ControllerRegisters.CSTS_SHUTDOWN_DONE);
            gate.closed = false;
            rig.serveUntil(() ->
                    (rig.driver.registers().csts() & ControllerRegisters.CSTS_SHUTDOWN)
                            == ControllerRegisters.CSTS_SHUTDOWN_DONE);
            rig.driver.reset();
        }
    }

    @Test
    void shouldKnowNamespacesByWhatTheyAre() {
        names.addAll(List.of("second", "third"));
        try (var rig = new Rig(NvmeDriverOptions.DEFAULTS.withAsyncEvents(1))) {
            rig.admin().setFeature(AdminCommands.FEATURE_ASYNC_EVENTS, 0, NOTICES);
            names.remove("second");
            names.addFirst("fourth"); // the operator has removed it before, as far as one knows
            rig.disk.die();
            assertThat(rig.admin().activeNamespaces()).containsExactly(1, 3);
            assertThat(
                            rig.disk.nvme().describe().namespaces().stream()
                                    .map(NvmeStatus.NamespaceStatus::description))
                    .containsExactly("first", "third");
            var types = new ArrayList<Integer>();
            rig.serveUntil(() -> {
                var event = rig.driver.takeEvent();
                if (event != null) {
                    types.add(event.type());
                }
                return event != null;
            });
            assertThat(types).containsExactly(AsyncEvent.NOTICE);
        }
    }

    /** At each step of a command's way: a driver that sleeps is woken. */
    @Test
    void shouldLoseNoInterrupt() {
        try (var rig = new Rig()) {
            rig.admin().deleteSubmissionQueue(1);
            rig.admin().deleteCompletionQueue(1);
            var interrupt = rig.function.interrupts(Irq.MSIX, 0, 2).get(1);
            var pair = rig.driver.queue(0).pair();
            pair.reset();
            rig.admin().createCompletionQueue(pair.completions(), 1);
            rig.admin().createSubmissionQueue(pair.submissions(), 0);
            boolean died = true;
            for (int step = 1; died; step++) {
                pair.next().cid(1).nsid(1).opcode(IoOpcode.READ).prp1(rig.data.iova());
                rig.disk.fuse.light(step);
                pair.submit();
                rig.settle();
                died = !rig.disk.fuse.isLit();
                rig.disk.fuse.out();
                assertThat(interrupt.poll()).as("step %d", step).isPositive();
                assertThat(pair.completions().advance()).isTrue();
                pair.completions().acknowledge();
                rig.settle();
                interrupt.poll();
            }
            assertThat(rig.disk.deaths()).isGreaterThan(5);
        }
    }
}
