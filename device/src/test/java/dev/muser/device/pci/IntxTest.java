package dev.muser.device.pci;

import static dev.muser.device.pci.DeviceFixture.signals;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** INTx is a level, and delivery masks it. */
class IntxTest extends InterruptFixture {

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

    /** For clients that never unmask, such as those of libvfio-user. */
    @Test
    void shouldDeliverEachAssertionOfALineThatDeliveryDoesNotMask() {
        var interrupts = new Interrupt[1];
        try (var other =
                DeviceFixture.of(context -> interrupts[0] = context.intxSignalsAlways().intx())) {
            var interrupt = interrupts[0];
            assertThat(other.device.irqInfo(Irq.INTX).autoMasked()).isFalse();
            interrupt.raise();
            var line = other.install(Irq.INTX, 0);
            assertThat(signals(line)).as("raised before").isEqualTo(1);
            interrupt.post();
            other.writeConfig(0x04, 2, 0);
            other.device.setIrqs(Irq.INTX, IrqAction.UNMASK, 0, 1);
            assertThat(signals(line)).as("still the same").isZero();
            interrupt.lower();
            interrupt.raise();
            assertThat(signals(line)).isEqualTo(1);
            other.device.setIrqs(Irq.INTX, IrqAction.MASK, 0, 1);
            interrupt.lower();
            interrupt.raise();
            assertThat(signals(line)).as("masked by the client").isZero();
            other.device.setIrqs(Irq.INTX, IrqAction.UNMASK, 0, 1);
            assertThat(signals(line)).isEqualTo(1);
        }
    }
}
