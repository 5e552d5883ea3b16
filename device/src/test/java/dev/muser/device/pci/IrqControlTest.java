package dev.muser.device.pci;

import static dev.muser.device.pci.DeviceFixture.signals;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a client does to interrupts: eventfds, loopback tests, whole indexes. */
class IrqControlTest extends InterruptFixture {

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
        // more than a long can say
        assertThat(EventFd.take(fd)).isEqualTo(Long.MAX_VALUE);
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
                .isThrownBy(() -> DeviceFixture.of(c -> c.interrupt(0)))
                .withMessageContaining("reach no driver");
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        DeviceFixture.of(c -> {
                            c.intx();
                            c.interrupt(1);
                        }))
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

    /** QEMU turns MSI-X off and on again to have one vector more, while the driver has it on. */
    @Test
    void shouldKeepWhatIsPendingWhileTheDriverHasMsiXOn() {
        msixControl(0x8000);
        var zero = fixture.install(Irq.MSIX, 0);
        second.raise(); // which has no eventfd yet
        fixture.device.disableIrqs(Irq.MSIX);
        assertThat(pendingBit(1)).isTrue();
        var one = fixture.install(Irq.MSIX, 1);
        assertThat(signals(one)).isEqualTo(1);
        assertThat(pendingBit(1)).isFalse();
        assertThat(signals(zero)).isZero();
    }

    @Test
    void shouldActOnFewUnmaskSignalsInEachTurnHoweverManyThereAre() {
        var lines = new ArrayList<Fd>();
        var unmaskers = new ArrayList<Fd>();
        for (int i = 0; i < 100; i++) {
            lines.add(fixture.install(Irq.MSIX, i));
            unmaskers.add(fixture.install(Irq.MSIX, IrqAction.UNMASK, i));
            mask(Irq.MSIX, i);
            interrupts.get(i).raise();
        }
        assertThat(fixture.loop.watched()).isEqualTo(1);
        unmaskers.forEach(EventFd::signal);
        int delivered = 0;
        for (int turn = 1; turn <= 100 && delivered < 100; turn++) {
            fixture.loop.turn();
            int now = (int) lines.stream().filter(fd -> signals(fd) == 1).count();
            assertThat(now).as("delivered in turn %d", turn).isBetween(1, 16);
            delivered += now;
        }
        assertThat(delivered).isEqualTo(100);
        fixture.device.disableIrqs(Irq.MSIX);
        assertThat(fixture.loop.watched()).isZero();
    }
}
