package dev.muser.device.pci;

import static dev.muser.device.pci.DeviceFixture.signals;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.Region;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Delivery of interrupts in the three ways that PCI has, and how the client masks them. */
class InterruptTest {
    private static final int TABLE = 0;
    private static final int PENDING = 0x800;
    private static final int MSI = 0x40;
    private static final int MSIX = 0x58;

    private final List<Interrupt> interrupts = new ArrayList<>();
    private final DeviceFixture fixture =
            DeviceFixture.of(context -> {
                context.bar(0, 0x1000);
                context.intx();
                context.capability(MSI, Msi.maskable(16));
                context.capability(MSIX, new MsiX(100, 0).pendingBits(0, PENDING));
                for (int i = 0; i < 100; i++) {
                    interrupts.add(context.interrupt(i));
                }
            });

    private final Interrupt first = interrupts.get(0);
    private final Interrupt second = interrupts.get(1);
    private final Interrupt last = interrupts.get(99);

    @AfterEach
    void close() {
        fixture.close();
    }

    private void mask(int index, int vector) {
        fixture.device.setIrqs(index, IrqAction.MASK, vector, 1);
    }

    private void unmask(int index, int vector) {
        fixture.device.setIrqs(index, IrqAction.UNMASK, vector, 1);
    }

    private void vectorControl(int vector, int value) {
        fixture.write(Region.BAR0, TABLE + 16L * vector + 12, 4, value);
    }

    private void msixControl(int value) {
        fixture.writeConfig(MSIX + 2, 2, value);
    }

    private boolean statusShowsInterrupt() {
        return (fixture.config(0x06, 2) & 0x08) != 0;
    }

    private boolean pendingBit(int vector) {
        return (fixture.read(Region.BAR0, PENDING + vector / 8, 1) >> (vector % 8) & 1) != 0;
    }

    // INTx: a level, masked by delivery

    @Test
    void shouldDeliverTheLineOnceUntilItIsUnmasked() {
        var line = fixture.install(Irq.INTX, 0);
        first.raise();
        assertThat(signals(line)).isEqualTo(1);
        first.raise();
        first.post();
        first.lower();
        first.raise();
        assertThat(signals(line)).isZero();
        unmask(Irq.INTX, 0);
        assertThat(signals(line)).isEqualTo(1);
        first.lower();
        unmask(Irq.INTX, 0);
        assertThat(signals(line)).isZero();
        first.set(true);
        assertThat(signals(line)).isEqualTo(1);
    }

    @Test
    void shouldAssertTheLineAsLongAsAnyInterruptIsRaised() {
        var line = fixture.install(Irq.INTX, 0);
        first.raise();
        last.raise();
        assertThat(signals(line)).isEqualTo(1);
        first.lower();
        unmask(Irq.INTX, 0);
        assertThat(signals(line)).isEqualTo(1);
        last.lower();
        unmask(Irq.INTX, 0);
        assertThat(signals(line)).isZero();
    }

    @Test
    void shouldShowTheLineInTheStatusRegister() {
        assertThat(statusShowsInterrupt()).isFalse();
        first.raise();
        assertThat(statusShowsInterrupt()).isTrue();
        fixture.writeConfig(0x06, 2, 0xffff);
        assertThat(statusShowsInterrupt()).isTrue();
        first.lower();
        assertThat(statusShowsInterrupt()).isFalse();
    }

    @Test
    void shouldHoldTheLineBackWhileTheDriverDisablesIt() {
        var line = fixture.install(Irq.INTX, 0);
        fixture.writeConfig(0x04, 2, 0x400);
        first.raise();
        assertThat(signals(line)).isZero();
        assertThat(statusShowsInterrupt()).isTrue();
        fixture.writeConfig(0x04, 2, 0);
        assertThat(signals(line)).isEqualTo(1);
    }

    @Test
    void shouldHoldTheLineBackWhileTheClientMasksIt() {
        var line = fixture.install(Irq.INTX, 0);
        mask(Irq.INTX, 0);
        first.raise();
        assertThat(signals(line)).isZero();
        unmask(Irq.INTX, 0);
        assertThat(signals(line)).isEqualTo(1);
    }

    @Test
    void shouldDeliverALineThatWasAssertedBeforeTheClientCame() {
        first.raise();
        assertThat(signals(fixture.install(Irq.INTX, 0))).isEqualTo(1);
    }

    @Test
    void shouldUnmaskTheLineWhenItsUnmaskEventFdIsSignalled() {
        var line = fixture.install(Irq.INTX, 0);
        var resample = fixture.install(Irq.INTX, IrqAction.UNMASK, 0);
        first.raise();
        assertThat(signals(line)).isEqualTo(1);
        fixture.loop.turn();
        assertThat(signals(line)).isZero();
        EventFd.signal(resample);
        fixture.loop.turn();
        assertThat(signals(line)).isEqualTo(1);
        first.lower();
        EventFd.signal(resample);
        fixture.loop.turn();
        assertThat(signals(line)).isZero();
        first.raise();
        assertThat(signals(line)).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {Irq.INTX, Irq.MSI, Irq.MSIX})
    void shouldMaskAndUnmaskByEventFdsUntilTheyAreRemoved(int index) {
        var fd = fixture.install(index, 0);
        var masker = fixture.install(index, IrqAction.MASK, 0);
        var unmasker = fixture.install(index, IrqAction.UNMASK, 0);
        assertThat(fixture.loop.watched()).isEqualTo(2);
        EventFd.signal(masker);
        fixture.loop.turn();
        first.raise();
        assertThat(signals(fd)).isZero();
        EventFd.signal(unmasker);
        fixture.loop.turn();
        assertThat(signals(fd)).isEqualTo(1);
        fixture.device.clearIrqEventFds(index, IrqAction.MASK, 0, 1);
        assertThat(fixture.loop.watched()).isEqualTo(1);
        fixture.device.disableIrqs(index);
        assertThat(fixture.loop.watched()).isZero();
    }

    @Test
    void shouldNotWaitForAnUnmaskEventFdThatTheClientEmptied() {
        var line = fixture.install(Irq.INTX, 0);
        var resample = fixture.install(Irq.INTX, IrqAction.UNMASK, 0);
        resample.nonBlocking(false);
        first.raise();
        assertThat(signals(line)).isEqualTo(1);
        // what the loop does when it has seen the eventfd readable, and the client was faster
        assertThat(EventFd.take(resample)).isEqualTo(-Errno.EAGAIN);
        EventFd.signal(resample);
        fixture.loop.turn();
        assertThat(signals(line)).isEqualTo(1);
    }

    // MSI and MSI-X: a message when a condition begins

    @ParameterizedTest
    @ValueSource(ints = {Irq.MSI, Irq.MSIX})
    void shouldSendAMessageForEachRisingEdgeAndEachPost(int index) {
        var zero = fixture.install(index, 0);
        var one = fixture.install(index, 1);
        second.raise();
        second.raise();
        assertThat(signals(one)).isEqualTo(1);
        second.post();
        second.post();
        assertThat(signals(one)).isEqualTo(2);
        second.lower();
        assertThat(signals(one)).isZero();
        second.raise();
        assertThat(signals(one)).isEqualTo(1);
        assertThat(signals(zero)).isZero();
        assertThat(statusShowsInterrupt()).isFalse();
    }

    @Test
    void shouldPreferMsiXToMsiAndMsiToTheLine() {
        var line = fixture.install(Irq.INTX, 0);
        assertThat(first.isMessage()).isFalse();
        var msi = fixture.install(Irq.MSI, 0);
        assertThat(first.isMessage()).isTrue();
        first.post();
        var msix = fixture.install(Irq.MSIX, 0);
        first.post();
        first.post();
        assertThat(signals(line)).isZero();
        assertThat(signals(msi)).isEqualTo(1);
        assertThat(signals(msix)).isEqualTo(2);
        fixture.device.clearIrqEventFds(Irq.MSIX, IrqAction.TRIGGER, 0, 1);
        first.post();
        assertThat(signals(msi)).isEqualTo(1);
        fixture.device.disableIrqs(Irq.MSI);
        // the condition still holds: the line is asserted as soon as interrupts go that way
        assertThat(signals(line)).isEqualTo(1);
    }

    @Test
    void shouldUseMsiXOnceTheDriverEnablesIt() {
        var line = fixture.install(Irq.INTX, 0);
        msixControl(0x8000);
        last.raise();
        assertThat(signals(line)).isZero();
        assertThat(pendingBit(99)).isTrue();
        assertThat(signals(fixture.install(Irq.MSIX, 99))).isEqualTo(1);
        assertThat(pendingBit(99)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(ints = {Irq.MSI, Irq.MSIX})
    void shouldKeepAMaskedMessagePendingUntilTheClientUnmasks(int index) {
        var fd = fixture.install(index, 1);
        mask(index, 1);
        second.raise();
        second.post();
        assertThat(signals(fd)).isZero();
        assertThat(index == Irq.MSIX ? pendingBit(1) : fixture.config(MSI + 0x14, 4) == 2).isTrue();
        unmask(index, 1);
        assertThat(signals(fd)).isEqualTo(1);
        assertThat(index == Irq.MSIX ? pendingBit(1) : fixture.config(MSI + 0x14, 4) == 2)
                .isFalse();
        unmask(index, 1);
        assertThat(signals(fd)).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {Irq.MSI, Irq.MSIX})
    void shouldWithdrawAPendingMessageWhoseConditionIsGone(int index) {
        var fd = fixture.install(index, 1);
        mask(index, 1);
        second.raise();
        second.lower();
        unmask(index, 1);
        assertThat(signals(fd)).isZero();
    }

    @Test
    void shouldCountAMaskInTheTableOnlyOnceTheEntryIsWritten() {
        var fd = fixture.install(Irq.MSIX, 1);
        assertThat(fixture.read(Region.BAR0, TABLE + 16 + 12, 4)).isEqualTo(1);
        second.post();
        assertThat(signals(fd)).isEqualTo(1);
        fixture.write(Region.BAR0, TABLE + 16, 4, 0xfee0_0000L);
        second.post();
        assertThat(signals(fd)).isZero();
        assertThat(pendingBit(1)).isTrue();
        vectorControl(1, 0);
        assertThat(signals(fd)).isEqualTo(1);
        assertThat(pendingBit(1)).isFalse();
        vectorControl(1, 1);
        second.post();
        vectorControl(0, 0);
        assertThat(signals(fd)).isZero();
        fixture.device.reset();
        second.post();
        assertThat(signals(fd)).isEqualTo(1);
    }

    @Test
    void shouldHoldAllVectorsBackWhileTheFunctionIsMasked() {
        var one = fixture.install(Irq.MSIX, 1);
        var ninetyNine = fixture.install(Irq.MSIX, 99);
        msixControl(0xc000);
        second.post();
        last.post();
        assertThat(signals(one)).isZero();
        assertThat(pendingBit(1)).isTrue();
        assertThat(pendingBit(99)).isTrue();
        assertThat(pendingBit(98)).isFalse();
        vectorControl(99, 1);
        msixControl(0x8000);
        assertThat(signals(one)).isEqualTo(1);
        assertThat(signals(ninetyNine)).isZero();
        vectorControl(99, 0);
        assertThat(signals(ninetyNine)).isEqualTo(1);
    }

    @Test
    void shouldNotLetSoftwareWriteThePendingBits() {
        fixture.write(Region.BAR0, PENDING, 8, -1);
        assertThat(fixture.read(Region.BAR0, PENDING, 8)).isZero();
    }

    @Test
    void shouldHoldMsiBackWhileItsMaskBitIsSet() {
        var fd = fixture.install(Irq.MSI, 1);
        fixture.writeConfig(MSI + 0x10, 4, 0x2);
        second.raise();
        assertThat(signals(fd)).isZero();
        assertThat(fixture.config(MSI + 0x14, 4)).isEqualTo(0x2);
        fixture.writeConfig(MSI + 0x10, 1, 0);
        assertThat(signals(fd)).isEqualTo(1);
        assertThat(fixture.config(MSI + 0x14, 4)).isZero();
    }

    @Test
    void shouldFoldVectorsIntoThoseThatTheDriverAllows() {
        var zero = fixture.install(Irq.MSI, 0);
        var one = fixture.install(Irq.MSI, 1);
        var three = fixture.install(Irq.MSI, 3);
        // enable, with two vectors
        fixture.writeConfig(MSI + 2, 2, 0x11);
        interrupts.get(3).post();
        interrupts.get(2).post();
        assertThat(signals(three)).isZero();
        assertThat(signals(one)).isEqualTo(1);
        assertThat(signals(zero)).isEqualTo(1);
        fixture.writeConfig(MSI + 2, 2, 0);
        interrupts.get(3).post();
        assertThat(signals(three)).isEqualTo(1);
        // vectors beyond the 16 of the capability
        interrupts.get(19).post();
        assertThat(signals(three)).isEqualTo(1);
    }

    @Test
    void shouldNotWithdrawAMessageThatAnotherConditionShares() {
        var zero = fixture.install(Irq.MSI, 0);
        fixture.writeConfig(MSI + 2, 2, 0x01);
        mask(Irq.MSI, 0);
        first.raise();
        second.raise();
        first.lower();
        unmask(Irq.MSI, 0);
        assertThat(signals(zero)).isEqualTo(1);
    }

    // what the client does to whole indexes

    @ParameterizedTest
    @ValueSource(ints = {Irq.INTX, Irq.MSI, Irq.MSIX})
    void shouldSignalEveryInstalledEventFdInALoopbackTestWhateverIsMasked(int index) {
        int count = index == Irq.INTX ? 1 : 4;
        var fds = new ArrayList<Fd>();
        for (int i = 0; i < count; i++) {
            fds.add(fixture.install(index, i));
            mask(index, i);
        }
        fixture.device.setIrqs(index, IrqAction.TRIGGER, 0, count);
        fixture.device.setIrqs(index, IrqAction.TRIGGER, 0, count);
        for (var fd : fds) {
            assertThat(signals(fd)).isEqualTo(2);
        }
        var selected = new boolean[count];
        selected[count - 1] = true;
        fixture.device.setIrqs(index, IrqAction.TRIGGER, 0, selected);
        for (int i = 0; i < count; i++) {
            assertThat(signals(fds.get(i))).isEqualTo(i == count - 1 ? 1 : 0);
        }
        fixture.device.setIrqs(index, IrqAction.UNMASK, 0, count);
        for (var fd : fds) {
            assertThat(signals(fd)).isZero();
        }
    }

    @Test
    void shouldMaskOnlyWhatIsSelected() {
        var zero = fixture.install(Irq.MSIX, 0);
        var one = fixture.install(Irq.MSIX, 1);
        fixture.device.setIrqs(Irq.MSIX, IrqAction.MASK, 0, new boolean[] {true, false});
        first.raise();
        second.raise();
        assertThat(signals(zero)).isZero();
        assertThat(signals(one)).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {Irq.MSI, Irq.MSIX})
    void shouldForgetEverythingWhenTheIndexIsDisabled(int index) {
        var old = fixture.install(index, 1);
        mask(index, 1);
        second.raise();
        fixture.device.disableIrqs(index);
        assertThat(pendingBit(1)).isFalse();
        assertThat(fixture.config(MSI + 0x14, 4)).isZero();
        var fd = fixture.install(index, 1);
        assertThat(signals(fd)).isZero();
        second.post();
        assertThat(signals(fd)).isEqualTo(1);
        assertThat(signals(old)).isZero();
    }

    @Test
    void shouldForgetTheAutomaskWhenTheLineIsDisabled() {
        first.raise();
        assertThat(signals(fixture.install(Irq.INTX, 0))).isEqualTo(1);
        fixture.device.disableIrqs(Irq.INTX);
        assertThat(signals(fixture.install(Irq.INTX, 0))).isEqualTo(1);
    }

    @Test
    void shouldCloseAnEventFdThatIsReplaced() {
        var old = fixture.eventFd();
        var given = old.duplicate();
        fixture.device.setIrqEventFds(Irq.MSIX, IrqAction.TRIGGER, 5, List.of(given));
        assertThat(given.isOpen()).isTrue();
        var fd = fixture.install(Irq.MSIX, 5);
        assertThat(given.isOpen()).isFalse();
        interrupts.get(5).raise();
        assertThat(signals(old)).isZero();
        assertThat(signals(fd)).isEqualTo(1);
    }

    @Test
    void shouldRemoveARangeOfEventFdsAndNoOthers() {
        var fds = new ArrayList<Fd>();
        for (int i = 0; i < 6; i++) {
            fds.add(fixture.install(Irq.MSIX, i));
        }
        fixture.device.clearIrqEventFds(Irq.MSIX, IrqAction.TRIGGER, 2, 3);
        fixture.device.setIrqs(Irq.MSIX, IrqAction.TRIGGER, 0, 100);
        assertThat(fds.stream().map(DeviceFixture::signals))
                .containsExactly(1L, 1L, 0L, 0L, 0L, 1L);
    }

    @Test
    void shouldNotBlockOnAnEventFdThatIsFull() {
        var fd = fixture.install(Irq.MSIX, 0);
        try (var arena = Arena.ofConfined()) {
            var most = arena.allocate(8, 8);
            most.set(ValueLayout.JAVA_LONG, 0, -2L);
            assertThat(fd.write(most, 0, 8)).isEqualTo(8);
        }
        fd.nonBlocking(false);
        first.raise();
        fixture.device.setIrqs(Irq.MSIX, IrqAction.TRIGGER, 0, 1);
        // full is 2^64 - 2 for those who write, and one more for the kernel
        assertThat(EventFd.take(fd)).isBetween(-2L, -1L);
    }

    @Test
    void shouldKeepEventFdsAndForgetMasksOnReset() {
        var fd = fixture.install(Irq.MSIX, 1);
        mask(Irq.MSIX, 1);
        second.raise();
        fixture.device.reset();
        assertThat(second.raised()).isFalse();
        assertThat(pendingBit(1)).isFalse();
        assertThat(signals(fd)).isZero();
        second.raise();
        assertThat(signals(fd)).isEqualTo(1);
    }

    @Test
    void shouldDropEventFdsWhenTheClientIsGone() {
        var fd = fixture.eventFd();
        var given = fd.duplicate();
        fixture.device.setIrqEventFds(Irq.MSIX, IrqAction.TRIGGER, 1, List.of(given));
        fixture.install(Irq.INTX, IrqAction.UNMASK, 0);
        fixture.device.detach();
        assertThat(given.isOpen()).isFalse();
        assertThat(fixture.loop.watched()).isZero();
        second.raise();
        assertThat(second.isMessage()).isFalse();
        assertThat(signals(fd)).isZero();
    }

    @Test
    void shouldTellTheClientOfErrorsAndRequests() {
        var signals = new ClientSignal[2];
        try (var other =
                DeviceFixture.of(context -> {
                    signals[0] = context.errorSignal();
                    signals[1] = context.requestSignal();
                })) {
            signals[0].signal();
            var error = other.install(Irq.ERR, 0);
            var request = other.install(Irq.REQ, 0);
            signals[0].signal();
            assertThat(signals(error)).isEqualTo(1);
            assertThat(signals(request)).isZero();
            signals[1].signal();
            other.device.setIrqs(Irq.REQ, IrqAction.TRIGGER, 0, 1);
            assertThat(signals(request)).isEqualTo(2);
        }
    }

    @Test
    void shouldRefuseInterruptsThatTheDeviceDoesNotHave() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DeviceFixture.of(c -> c.interrupt(1)))
                .withMessage("interrupt 1: the device has 1 vectors");
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        DeviceFixture.of(c -> {
                            c.capability(new Msi(4));
                            c.interrupt(4);
                        }))
                .withMessage("interrupt 4: the device has 4 vectors");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DeviceFixture.of(c -> c.interrupt(2048)))
                .withMessageContaining("not in 0 to 2047");
    }

    @Test
    void shouldAllocateNothingOnTheWayToTheClient() {
        fixture.install(Irq.MSIX, 1);
        assertThat(
                        Allocation.of(() -> {
                            for (int i = 0; i < 20_000; i++) {
                                second.raise();
                                second.lower();
                                second.post();
                                fixture.device.setIrqs(Irq.MSIX, IrqAction.TRIGGER, 0, 4);
                                fixture.device.setIrqs(Irq.MSIX, IrqAction.MASK, 1, 1);
                                fixture.device.setIrqs(Irq.MSIX, IrqAction.UNMASK, 1, 1);
                            }
                        }))
                .isZero();
        fixture.device.disableIrqs(Irq.MSIX);
        fixture.install(Irq.INTX, 0);
        assertThat(
                        Allocation.of(() -> {
                            for (int i = 0; i < 20_000; i++) {
                                first.raise();
                                first.lower();
                                fixture.device.setIrqs(Irq.INTX, IrqAction.UNMASK, 0, 1);
                            }
                        }))
                .isZero();
    }
}
