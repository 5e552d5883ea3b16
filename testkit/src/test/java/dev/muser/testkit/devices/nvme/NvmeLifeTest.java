package dev.muser.testkit.devices.nvme;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.PciFunction;
import dev.muser.client.nvme.ControllerRegisters;
import dev.muser.client.nvme.IoOpcode;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.StorageOperation;
import dev.muser.testkit.InProcessDevice;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A controller that is enabled, disabled, shut down and reset, also while it is at work. */
final class NvmeLifeTest {
    private static final int READY = ControllerRegisters.CSTS_READY;
    private static final int FATAL = ControllerRegisters.CSTS_FATAL;
    private static final int ENABLE = ControllerRegisters.CC_ENTRY_SIZES | 1;
    private static final int PCI_EXPRESS = 0x10;
    private static final int INITIATE_FLR = 0x8000;

    private final PatientStorage storage = new PatientStorage(1 << 20);

    private Disk open() {
        storage.bytes.fill((byte) 9);
        return Disk.of(storage, 512, NvmeDriverOptions.DEFAULTS);
    }

    /** Leaves reads and writes with the storage. */
    private void begin(Disk disk) {
        storage.holding = true;
        var pair = disk.driver.queue(0).pair();
        for (int i = 0; i < 8; i++) {
            int opcode = i % 2 == 0 ? IoOpcode.READ : IoOpcode.WRITE;
            Disk.transfer(pair.next(), opcode, i, 16, disk.data().iova()).cid(i);
        }
        pair.submit();
        disk.serveUntil(() -> storage.held.size() == 8);
    }

    /** What comes back late must not be seen, neither in memory nor in the storage. */
    private void assertForgotten(Disk disk) {
        disk.data().segment().fill((byte) 1);
        storage.release();
        disk.settle();
        assertThat(disk.data().segment().toArray(JAVA_BYTE)).containsOnly(1);
        assertThat(storage.bytes.toArray(JAVA_BYTE)).containsOnly(9);
        assertThat(disk.driver.queue(0).pair().completions().advance()).isFalse();
    }

    private void assertWorks(Disk disk) {
        assertThat(disk.isFatal()).isFalse();
        disk.data().segment().fill((byte) 0);
        assertThat(disk.status(IoOpcode.READ, 0, 1)).isZero();
        assertThat(disk.data().segment().get(JAVA_BYTE, 511)).isEqualTo((byte) 9);
    }

    private static IntStream badConfigurations() {
        return IntStream.concat(
                IntStream.concat(
                        IntStream.rangeClosed(1, 7).map(css -> css << 4),
                        IntStream.rangeClosed(5, 15).map(mps -> mps << 7)),
                IntStream.rangeClosed(2, 7).map(ams -> ams << 11));
    }

    @ParameterizedTest(name = "CC {0}")
    @MethodSource("badConfigurations")
    void shouldRefuseConfigurationsThatItDoesNotSupport(int bad) {
        try (var disk = open()) {
            var registers = disk.driver.registers();
            registers.cc(0);
            disk.serveUntil(() -> registers.csts() == 0);
            registers.cc(ENABLE | bad);
            assertThat(registers.csts()).isEqualTo(FATAL);
            disk.driver.reset();
            assertWorks(disk);
        }
    }

    @ParameterizedTest(name = "AQA {0}")
    @ValueSource(ints = {0, 31, 31 << 16})
    void shouldRefuseAdminQueuesOfOneEntry(int sizes) {
        try (var disk = open()) {
            var registers = disk.driver.registers();
            registers.cc(0);
            disk.serveUntil(() -> registers.csts() == 0);
            registers.aqa(sizes);
            registers.cc(ENABLE);
            assertThat(registers.csts()).isEqualTo(FATAL);
            disk.driver.reset();
            assertWorks(disk);
        }
    }

    @Test
    void shouldGiveUpWhenItsAdminQueueIsNowhere() {
        try (var disk = open()) {
            var registers = disk.driver.registers();
            registers.cc(0);
            disk.serveUntil(() -> registers.csts() == 0);
            registers.asq(0x7777_0000_0000L);
            registers.cc(ENABLE);
            disk.serveUntil(() -> registers.csts() != 0);
            disk.driver.doorbells().submissionTail(0, 1);
            disk.serveUntil(disk::isFatal);
            disk.driver.reset();
            assertWorks(disk);
        }
    }

    @Test
    void shouldStayReadyUntilTheStorageHasLetGo() {
        try (var disk = open()) {
            begin(disk);
            var registers = disk.driver.registers();
            registers.cc(ENABLE & ~1);
            assertThat(storage.cancelled).isEqualTo(1);
            disk.data().segment().fill((byte) 1);
            for (int i = 0; i < 7; i++) {
                storage.releaseOne();
                disk.settle();
                assertThat(registers.csts() & READY).isNotZero();
            }
            assertForgotten(disk);
            assertThat(registers.csts() & READY).isZero();
            disk.driver.reset();
            assertWorks(disk);
        }
    }

    @Test
    void shouldHaveTheStorageEndWhatItCan() {
        try (var disk = open()) {
            begin(disk);
            storage.cancels = true;
            disk.driver.registers().cc(0);
            disk.settle();
            assertThat(disk.driver.registers().csts() & READY).isZero();
            assertThat(storage.held).isEmpty();
            assertForgotten(disk);
            disk.driver.reset();
            assertWorks(disk);
        }
    }

    @Test
    void shouldBeEnabledAnewWhenTheStorageHasLetGo() {
        try (var disk = open()) {
            begin(disk);
            var registers = disk.driver.registers();
            registers.cc(0);
            disk.driver.admin().queue().pair().reset();
            registers.cc(ENABLE); // before it was disabled: it is enabled when it has been
            assertForgotten(disk);
            disk.serveUntil(() -> (registers.csts() & READY) != 0);
            disk.driver.reset();
            assertWorks(disk);
        }
    }

    @Test
    void shouldNotBecomeReadyWhileTheStorageHasRequestsOfTheLifeBefore() {
        try (var disk = open()) {
            begin(disk);
            var registers = disk.driver.registers();
            int sizes = registers.aqa();
            long submissions = registers.asq();
            long completions = registers.acq();
            disk.function.reset();
            disk.function.config().enable();
            registers.aqa(sizes);
            registers.asq(submissions);
            registers.acq(completions);
            disk.driver.admin().queue().pair().reset();
            registers.cc(ENABLE);
            disk.settle();
            assertThat(registers.csts() & READY).isZero();
            assertForgotten(disk);
            disk.serveUntil(() -> (registers.csts() & READY) != 0);
            disk.driver.reset();
            assertWorks(disk);
        }
    }

    /** What resets a controller. */
    enum Reset {
        CONTROLLER {
            @Override
            void reset(Disk disk) {
                disk.driver.registers().cc(0);
            }
        },
        SUBSYSTEM {
            @Override
            void reset(Disk disk) {
                disk.driver.registers().nssr(ControllerRegisters.NSSR_RESET);
            }
        },
        FUNCTION_LEVEL {
            @Override
            void reset(Disk disk) {
                var config = disk.function.config();
                config.write16(config.findCapability(PCI_EXPRESS) + 8, INITIATE_FLR);
            }
        },
        DEVICE {
            @Override
            void reset(Disk disk) {
                disk.function.reset();
            }
        };

        abstract void reset(Disk disk);
    }

    @ParameterizedTest
    @EnumSource(Reset.class)
    void shouldForgetCommandsWhenItIsReset(Reset kind) {
        try (var disk = open()) {
            for (int round = 0; round < 3; round++) {
                begin(disk);
                kind.reset(disk);
                assertForgotten(disk);
                disk.serveUntil(() -> (disk.driver.registers().csts() & READY) == 0);
                assertThat(disk.driver.registers().csts() & FATAL).isZero();
                assertThat(disk.driver.registers().cc() & 1).isZero();
                disk.function.config().enable();
                disk.driver.reset();
                assertWorks(disk);
            }
        }
    }

    @Test
    void shouldSayThatTheSubsystemWasReset() {
        try (var disk = open()) {
            var registers = disk.driver.registers();
            registers.nssr(0x1234);
            assertThat(registers.csts()).isEqualTo(READY);
            registers.nssr(ControllerRegisters.NSSR_RESET);
            int reset = ControllerRegisters.CSTS_SUBSYSTEM_RESET;
            assertThat(registers.csts()).isEqualTo(reset);
            assertThat(registers.cc()).isZero();
            assertThat(registers.aqa()).as("not left alone, as CC.EN does").isZero();
            assertThat(registers.asq()).isZero();
            assertThat(registers.acq()).isZero();
            disk.driver.reset();
            assertThat(registers.csts()).isEqualTo(READY | reset);
            registers.csts(reset);
            assertThat(registers.csts()).isEqualTo(READY);
            assertWorks(disk);
        }
    }

    @ParameterizedTest(name = "SHN {0}")
    @ValueSource(
            ints = {ControllerRegisters.CC_SHUTDOWN_NORMAL, ControllerRegisters.CC_SHUTDOWN_ABRUPT})
    void shouldFlushWhenItIsShutDown(int how) {
        try (var disk = open()) {
            storage.holding = true;
            var registers = disk.driver.registers();
            registers.cc(ENABLE | how);
            assertThat(registers.csts() & ControllerRegisters.CSTS_SHUTDOWN).isEqualTo(1 << 2);
            disk.serveUntil(() -> !storage.held.isEmpty());
            assertThat(storage.operations()).containsExactly(StorageOperation.FLUSH);
            assertThat(registers.csts() & ControllerRegisters.CSTS_SHUTDOWN).isEqualTo(1 << 2);
            storage.release();
            disk.settle();
            assertThat(registers.csts()).isEqualTo(READY | ControllerRegisters.CSTS_SHUTDOWN_DONE);
            disk.driver.reset();
            assertThat(registers.csts()).isEqualTo(READY);
            assertWorks(disk);
        }
    }

    @Test
    void shouldEndCommandsBeforeItIsShutDown() {
        try (var disk = open()) {
            begin(disk);
            var registers = disk.driver.registers();
            registers.cc(ENABLE | ControllerRegisters.CC_SHUTDOWN_NORMAL);
            disk.settle();
            assertThat(registers.csts() & ControllerRegisters.CSTS_SHUTDOWN).isEqualTo(1 << 2);
            storage.release();
            disk.serveUntil(() -> (registers.csts() & ControllerRegisters.CSTS_SHUTDOWN) == 2 << 2);
            assertThat(storage.operations().getLast()).isEqualTo(StorageOperation.FLUSH);
            assertThat(disk.await(8)).extracting(Disk.Done::status).containsOnly(0);
        }
    }

    @Test
    void shouldForgetAShutdownWhenItIsReset() {
        try (var disk = open()) {
            storage.holding = true;
            var registers = disk.driver.registers();
            registers.cc(ENABLE | ControllerRegisters.CC_SHUTDOWN_NORMAL);
            disk.driver.reset();
            storage.release();
            disk.settle();
            assertThat(registers.csts()).isEqualTo(READY);
            assertWorks(disk);
        }
    }

    @Test
    void shouldServeTheNextClientAfterOneThatIsLost() {
        try (var device =
                InProcessDevice.of(ctx ->
                        new Nvme(
                                ctx,
                                NvmeOptions.of(
                                        "TEST",
                                        List.of(NamespaceOptions.of(storage, 512, "test")))))) {
            storage.bytes.fill((byte) 9);
            for (int round = 0; round < 3; round++) {
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, NvmeDriverOptions.DEFAULTS);
                var buffer = function.dma().allocate(8192);
                var pair = driver.queue(0).pair();
                Disk.transfer(pair.next(), IoOpcode.READ, 0, 1, buffer.iova()).cid(1);
                pair.submit();
                var completions = pair.completions();
                while (!completions.advance()) {
                    device.serve();
                }
                assertThat(buffer.segment().get(JAVA_BYTE, 511)).isEqualTo((byte) 9);
                pair.completions().acknowledge();
                storage.holding = true;
                Disk.transfer(pair.next(), IoOpcode.READ, 0, 1, buffer.iova()).cid(2);
                Disk.transfer(pair.next(), IoOpcode.WRITE, 0, 1, buffer.iova()).cid(3);
                pair.submit();
                serveUntil(device, () -> storage.held.size() == 2);
                device.detach(); // the memory is gone with it
                storage.release();
            }
            storage.release();
            assertThat(storage.bytes.toArray(JAVA_BYTE)).containsOnly(9);
        }
    }

    private static void serveUntil(InProcessDevice device, BooleanSupplier condition) {
        for (int i = 0; i < 1_000_000 && !condition.getAsBoolean(); i++) {
            device.serve();
        }
        assertThat(condition.getAsBoolean()).isTrue();
    }

    @Test
    void shouldForgetCommandsAfterFatalStatus() {
        try (var disk = open()) {
            begin(disk);
            disk.driver.registers().cc(0);
            assertForgotten(disk);
            disk.serveUntil(() -> (disk.driver.registers().csts() & READY) == 0);
            disk.driver.registers().acq(0x7777_0000_0000L);
            disk.driver.registers().cc(ENABLE);
            disk.serveUntil(() -> disk.driver.registers().csts() != 0);
            disk.driver.doorbells().submissionTail(0, 1);
            disk.serveUntil(disk::isFatal);
            assertForgotten(disk);
            disk.driver.reset();
            assertWorks(disk);
        }
    }
}
