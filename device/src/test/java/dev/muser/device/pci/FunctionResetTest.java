package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.DmaAccess;
import dev.muser.device.Region;
import dev.muser.device.ResetKind;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The ways in which a driver resets a function by configuration space. */
class FunctionResetTest {

    @Test
    void shouldResetTheFunctionOnWakingWhenItHasSoftReset() {
        var kinds = new ArrayList<ResetKind>();
        try (var fixture =
                new DeviceFixture(context -> {
                    context.identity(1, 2);
                    context.capability(new PowerManagement().softReset());
                    return recording(kinds);
                })) {
            fixture.writeConfig(0x3c, 1, 0x0b);
            fixture.writeConfig(0x44, 2, 3);
            assertThat(kinds).isEmpty();
            fixture.writeConfig(0x44, 2, 0);
            assertThat(kinds).containsExactly(ResetKind.FUNCTION_LEVEL);
            assertThat(fixture.config(0x3c, 1)).isZero();
        }
    }

    @Test
    void shouldResetTheFunctionWhenTheDriverAsksForIt() {
        var kinds = new ArrayList<ResetKind>();
        try (var fixture =
                new DeviceFixture(context -> {
                    context.identity(1, 2);
                    context.bar(0, 4096).memory("ram", 0, 4096);
                    context.capability(new PciExpress());
                    return recording(kinds);
                })) {
            fixture.write(Region.BAR0, 0x10, 4, 0x1234_5678);
            fixture.writeConfig(0x48, 2, 0x2810);
            fixture.writeConfig(0x49, 1, 0x28);
            assertThat(kinds).isEmpty();
            assertThat(fixture.read(Region.BAR0, 0x10, 4)).isEqualTo(0x1234_5678);
            fixture.writeConfig(0x49, 1, 0x80);
            assertThat(kinds).containsExactly(ResetKind.FUNCTION_LEVEL);
            assertThat(fixture.read(Region.BAR0, 0x10, 4)).isZero();
            assertThat(fixture.config(0x48, 2)).isEqualTo(0x2810);
            fixture.writeConfig(0x48, 2, 0x8000);
            assertThat(kinds).hasSize(2);
        }
    }

    /** A message that waits for its turn would write to what the memory is used for by then. */
    @ParameterizedTest
    @EnumSource(
            value = ResetKind.class,
            names = {"DEVICE", "FUNCTION_LEVEL"})
    void shouldWriteNothingAfterTheResetThatWasAskedForBefore(ResetKind kind) {
        var results = new ArrayList<Integer>();
        var made = new AtomicReference<DeviceContext>();
        var port = new FakePort(0x2000);
        try (var fixture =
                new DeviceFixture(context -> {
                    context.identity(1, 2);
                    context.capability(new PciExpress());
                    made.set(context);
                    return new Device() {};
                })) {
            fixture.device.detach();
            fixture.device.attach(port);
            fixture.device.mapDma(0, 0x2000, DmaAccess.READ_WRITE, null, 0);
            made.get().memory().write(0x1000, MemorySegment.ofArray(new byte[8]), results::add);
            assertThat(port.pending()).isOne();
            if (kind == ResetKind.DEVICE) {
                fixture.device.reset();
            } else {
                fixture.writeConfig(0x49, 1, 0x80);
            }
            assertThat(port.pending()).isZero();
            assertThat(results).containsExactly(Errno.ECANCELED);
        }
    }

    @Test
    void shouldResetAConventionalFunctionWhenTheDriverAsksForIt() {
        var kinds = new ArrayList<ResetKind>();
        try (var fixture =
                new DeviceFixture(context -> {
                    context.identity(1, 2);
                    context.capability(new AdvancedFeatures());
                    return recording(kinds);
                })) {
            assertThat(fixture.bytes(Region.CONFIG, 0x40, 6)).containsExactly(0x13, 0, 6, 3, 0, 0);
            fixture.writeConfig(0x44, 1, 0xfe);
            fixture.writeConfig(0x45, 1, 1);
            assertThat(kinds).isEmpty();
            fixture.writeConfig(0x44, 1, 1);
            assertThat(kinds).containsExactly(ResetKind.FUNCTION_LEVEL);
            assertThat(fixture.config(0x44, 1)).isZero();
        }
    }

    @Test
    void shouldNotResetWithoutFunctionLevelReset() {
        var kinds = new ArrayList<ResetKind>();
        try (var fixture =
                new DeviceFixture(context -> {
                    context.identity(1, 2);
                    context.capability(new PciExpress().noFunctionLevelReset());
                    return recording(kinds);
                })) {
            assertThat(fixture.config(0x44, 4)).isEqualTo(0x8000);
            fixture.writeConfig(0x48, 2, 0x8000);
            assertThat(kinds).isEmpty();
        }
    }

    private static Device recording(List<ResetKind> kinds) {
        return new Device() {
            @Override
            public void reset(ResetKind kind) {
                kinds.add(kind);
            }
        };
    }
}
