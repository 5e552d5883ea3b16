package dev.muser.device.pci;

import static dev.muser.device.pci.DeviceFixture.signals;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.Region;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** MSI and MSI-X: a message when a condition begins, and what holds it back. */
class MessageInterruptTest extends InterruptFixture {

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
}
