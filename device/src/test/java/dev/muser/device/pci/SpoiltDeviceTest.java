package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.muser.device.ManualLoop;
import dev.muser.device.Migration;
import dev.muser.device.MigrationState;
import dev.muser.device.Region;
import dev.muser.device.VfioException;
import dev.muser.linux.DiskFile;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.SyscallException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** A device that fails while it becomes another one is neither: it is in ERROR until a reset. */
class SpoiltDeviceTest {
    private static final int VALUE = 0x1234_5678;

    private final Model model = new Model();
    private final DeviceFixture fixture = new DeviceFixture(model::declare);
    private byte[] stream = {};

    /** A register, a page outside, and failures where the test wants them. */
    private static final class Model implements Device {
        private final Fd outside = MemoryFile.create("test", 4096);
        private Runnable restoring = () -> {};
        private Runnable taking = () -> {};
        private List<MovedMemory> moved = List.of(new MovedMemory("outside", outside, 0, 4096));

        Device declare(DeviceContext ctx) {
            ctx.identity(0x1234, 0x5678);
            ctx.bar(0, 4096).register("VALUE", 0, Width.U32).readWrite();
            return this;
        }

        @Override
        public List<MovedMemory> movedMemory() {
            return moved;
        }

        @Override
        public void restored() {
            restoring.run();
        }

        @Override
        public void takeOver() {
            taking.run();
        }

        @Override
        public void close() {
            outside.close();
        }
    }

    @BeforeEach
    void saveAnother() {
        var from = new Model();
        try (var device = PciDevice.create(from::declare, new ManualLoop());
                var arena = Arena.ofConfined()) {
            from.outside.writeAt(0, arena.allocate(8).fill((byte) 1), 0, 8); // else it is a hole
            stream = Streams.stopAndRead(device.migration());
        }
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    private Migration migration() {
        return fixture.device.migration();
    }

    private static Stream<Supplier<Throwable>> failures() {
        return Stream.of(
                () -> new SyscallException("pwrite", Errno.ENOSPC),
                () -> new VfioException(Errno.EIO, "refused by the test"),
                () -> new IllegalStateException("broken"),
                () -> new StackOverflowError());
    }

    private static void fail(Throwable with) {
        if (with instanceof RuntimeException e) {
            throw e;
        }
        throw (Error) with;
    }

    private void spoil(Supplier<Throwable> with) {
        model.restoring = () -> fail(with.get());
        migration().moveTo(MigrationState.RESUMING);
        Streams.write(migration(), stream);
        assertThat(catchThrowable(() -> migration().moveTo(MigrationState.RUNNING))).isNotNull();
        assertThat(migration().state()).isEqualTo(MigrationState.ERROR);
        model.restoring = () -> {};
    }

    private void expectRunning() {
        assertThat(migration().state()).isEqualTo(MigrationState.RUNNING);
        assertThat(fixture.read(Region.BAR0, 0, 4)).isZero();
        fixture.write(Region.BAR0, 0, 4, VALUE);
        assertThat(fixture.read(Region.BAR0, 0, 4)).isEqualTo(VALUE);
        Streams.resume(migration(), stream);
        assertThat(migration().state()).isEqualTo(MigrationState.RUNNING);
        assertThat(fixture.read(Region.BAR0, 0, 4)).isZero();
    }

    @ParameterizedTest
    @MethodSource("failures")
    void shouldBeInErrorWhenItsAuthorsCodeFails(Supplier<Throwable> failure) {
        fixture.write(Region.BAR0, 0, 4, VALUE);
        spoil(failure);
        fixture.device.reset();
        expectRunning();
    }

    @Test
    void shouldTellTheClientWhatFailed() {
        model.restoring = () -> fail(new SyscallException("pwrite", Errno.ENOSPC));
        migration().moveTo(MigrationState.RESUMING);
        Streams.write(migration(), stream);
        assertThat(DeviceFixture.errno(() -> migration().moveTo(MigrationState.STOP)))
                .isEqualTo(Errno.ENOSPC);
    }

    @Test
    void shouldBeInErrorWhenMemoryCannotBeWritten() {
        try (var unwritable = DiskFile.open(Path.of("/dev/null"), DiskFile.READ_ONLY)) {
            model.moved = List.of(new MovedMemory("outside", unwritable, 0, 4096));
            migration().moveTo(MigrationState.RESUMING);
            Streams.write(migration(), stream);
            DeviceFixture.errno(() -> migration().moveTo(MigrationState.STOP));
            assertThat(migration().state()).isEqualTo(MigrationState.ERROR);
        }
    }

    @Test
    void shouldRefuseAllFromError() {
        spoil(() -> new SyscallException("pwrite", Errno.EIO));
        for (var target : MigrationState.values()) {
            assertThat(migration().prepare(target)).isTrue();
            assertThat(DeviceFixture.errno(() -> migration().moveTo(target)))
                    .as("to %s", target)
                    .isEqualTo(Errno.EINVAL);
            assertThat(migration().state()).isEqualTo(MigrationState.ERROR);
        }
        assertThat(DeviceFixture.errno(() -> migration().read(fixture.buffer, 0, 8)))
                .isEqualTo(Errno.EINVAL);
        assertThat(DeviceFixture.errno(() -> migration().write(fixture.buffer, 0, 8)))
                .isEqualTo(Errno.EINVAL);
    }

    @Test
    void shouldRunForTheNextClient() {
        spoil(() -> new SyscallException("pwrite", Errno.EIO));
        fixture.device.detach();
        fixture.device.attach(null);
        expectRunning();
    }

    /** What it is has not changed, so it is no error: it can be asked again. */
    @ParameterizedTest
    @EnumSource(names = {"STOP", "STOP_COPY", "RESUMING"})
    void shouldStayInStopWhenItCannotTakeOver(MigrationState from) {
        migration().moveTo(from);
        model.taking = () -> fail(new VfioException(Errno.EBUSY, "another has it"));
        assertThat(DeviceFixture.errno(() -> migration().moveTo(MigrationState.RUNNING)))
                .isEqualTo(Errno.EBUSY);
        assertThat(migration().state()).isEqualTo(MigrationState.STOP);
        model.taking = () -> {};
        migration().moveTo(MigrationState.RUNNING);
        assertThat(migration().state()).isEqualTo(MigrationState.RUNNING);
    }
}
