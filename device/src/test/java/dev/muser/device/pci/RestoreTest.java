package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.muser.device.DmaAccess;
import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.ManualLoop;
import dev.muser.device.MigrationState;
import dev.muser.device.Region;
import dev.muser.device.state.DeviceHome;
import dev.muser.device.state.StateMismatchException;
import dev.muser.device.state.StateSegment;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.service.LocalStore;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A device process dies and another one goes on from the state that it left in memory. */
class RestoreTest {
    private final Arena arena = Arena.ofAuto();
    private final MemorySegment buffer = arena.allocate(4096, 8);
    private final ManualLoop loop = new ManualLoop();
    private final LocalStore store = new LocalStore();
    private @Nullable DeviceHome home;

    /** A device with something of everything that state is kept for. */
    private static final class Everything implements Device {
        private final Interrupt line;
        private final StateField own;
        private final ClientSignal error;
        private final Fd doorbell;

        Everything(DeviceContext context) {
            this(context, false);
        }

        Everything(DeviceContext context, boolean newer) {
            context.identity(0x1234, 0x5678);
            context.bar(0, 0x1000).register("CONTROL", 0, Width.U32).reset(0xc0de).readWrite();
            var bar = context.bar(1, 0x1000);
            if (newer) {
                bar.register("ADDED", 0xff0, Width.U32).reset(0xadd).readWrite();
            }
            context.capability(new MsiX(8, 1).pendingBits(1, 0x800));
            context.capability(new Msi(1));
            error = context.errorSignal();
            doorbell = context.eventFd("doorbell");
            line = context.intx();
            own = context.state().field("own", Width.U64);
            context.migration(
                    new MigrationStream() {
                        @Override
                        public int read(long position, MemorySegment into, long at, int count) {
                            return 0;
                        }

                        @Override
                        public void write(long position, MemorySegment from, long at, int count) {}
                    });
        }
    }

    /** Begins in a new home, or goes on in what another process has left in {@code segment}. */
    private PciDevice start(DeviceFactory factory, @Nullable StateSegment left) {
        var segment = left;
        if (segment == null) {
            segment = StateSegment.create("everything");
        }
        home = new DeviceHome(segment, store);
        var device = PciDevice.create(factory, loop, home);
        segment.ready();
        device.attach(null);
        return device;
    }

    /** What the first process leaves; nothing of it is closed, as after a kill. */
    private StateSegment left() {
        var fd = Objects.requireNonNull(home).segment().fd().duplicate();
        return Objects.requireNonNull(StateSegment.open(fd, "everything"));
    }

    private long read(PciDevice device, int region, long offset) {
        buffer.fill((byte) 0);
        device.readRegion(region, offset, buffer, 0, 4);
        return buffer.get(StateLayout.U32, 0) & 0xffff_ffffL;
    }

    private void write(PciDevice device, int region, long offset, long value) {
        buffer.set(StateLayout.U32, 0, (int) value);
        device.writeRegion(region, offset, buffer, 0, 4);
        commit();
    }

    /** The end of a request, or of a task. */
    private void commit() {
        Objects.requireNonNull(home).segment().commit();
    }

    @Test
    void shouldBeginWithResetValues() {
        var device = start(Everything::new, null);
        assertThat(read(device, Region.BAR0, 0)).isEqualTo(0xc0de);
        assertThat(read(device, Region.BAR1, 12)).isEqualTo(1);
        assertThat(read(device, Region.CONFIG, 0)).isEqualTo(0x5678_1234L);
        device.close();
    }

    @Test
    void shouldGoOnWithRegistersConfigurationSpaceAndFields() {
        var parts = new Everything[2];
        var first = start(context -> parts[0] = new Everything(context), null);
        write(first, Region.BAR0, 0, 0xdead_beefL);
        write(first, Region.BAR1, 0x20, 0xfee0_1000L);
        write(first, Region.CONFIG, 0x10, 0xfebf_0000L);
        parts[0].own.set(-5);
        Objects.requireNonNull(first.migration()).moveTo(MigrationState.STOP);
        commit();

        var second = start(context -> parts[1] = new Everything(context), left());
        assertThat(read(second, Region.BAR0, 0)).isEqualTo(0xdead_beefL);
        assertThat(read(second, Region.BAR1, 0x20)).isEqualTo(0xfee0_1000L);
        assertThat(read(second, Region.CONFIG, 0x10)).isEqualTo(0xfebf_0000L);
        assertThat(parts[1].own.get()).isEqualTo(-5);
        assertThat(Objects.requireNonNull(second.migration()).state())
                .isEqualTo(MigrationState.STOP);
        second.reset();
        assertThat(read(second, Region.BAR0, 0)).isEqualTo(0xc0de);
        second.close();
        first.close();
    }

    @Test
    void shouldGoOnWithWhatIsRaisedMaskedAndPending() {
        var parts = new Everything[2];
        var first = start(context -> parts[0] = new Everything(context), null);
        try (var fd = EventFd.create()) {
            install(first, Irq.INTX, fd);
            parts[0].line.raise();
            commit();
            assertThat(DeviceFixture.signals(fd)).isEqualTo(1);

            var second = start(context -> parts[1] = new Everything(context), left());
            assertThat(parts[1].line.raised()).isTrue();
            install(second, Irq.INTX, fd);
            // delivered before the kill, and still masked by that
            assertThat(DeviceFixture.signals(fd)).isZero();
            second.setIrqs(Irq.INTX, IrqAction.UNMASK, 0, 1);
            commit();
            assertThat(DeviceFixture.signals(fd)).isEqualTo(1);

            write(second, Region.BAR1, 12, 1);
            install(second, Irq.MSIX, fd);
            parts[1].line.post();
            commit();
            assertThat(DeviceFixture.signals(fd)).isZero();
            var third = start(Everything::new, left());
            install(third, Irq.MSIX, fd);
            assertThat(read(third, Region.BAR1, 0x800)).isEqualTo(1);
            write(third, Region.BAR1, 12, 0);
            assertThat(DeviceFixture.signals(fd)).isEqualTo(1);
            third.close();
            second.close();
        }
        first.close();
    }

    private static void install(PciDevice device, int index, Fd fd) {
        device.setIrqEventFds(index, IrqAction.TRIGGER, 0, List.of(fd.duplicate()));
    }

    @Test
    void shouldGiveFieldsThatAreNewInThisBuildTheirResetValues() {
        var first = start(Everything::new, null);
        write(first, Region.BAR0, 0, 0x1111);
        var newer = start(context -> new Everything(context, true), left());
        assertThat(read(newer, Region.BAR0, 0)).isEqualTo(0x1111);
        assertThat(read(newer, Region.BAR1, 0xff0)).isEqualTo(0xadd);
        var stored = left();
        assertThatExceptionOfType(StateMismatchException.class)
                .isThrownBy(() -> start(Everything::new, stored))
                .withMessageContaining("bar1.ADDED");
        newer.close();
        first.close();
    }

    /** A process that dies at a step of what it does. */
    private static final class Death extends Error {
        private static final long serialVersionUID = 1L;
    }

    /** Has the process die before its {@code n}th step from now on, and at each one after it. */
    private static final class Fuse {
        private int left = Integer.MAX_VALUE;

        void light(int n) {
            left = n;
        }

        void step() {
            if (left != Integer.MAX_VALUE && --left <= 0) {
                throw new Death();
            }
        }
    }

    @Test
    void shouldLoseNoUnmaskingWhicheverStepItDiesAt() {
        for (int step = 1; step <= 5; step++) {
            var fuse = new Fuse();
            var segment = StateSegment.create("everything");
            segment.onStep(fuse::step);
            var first = start(Everything::new, segment);
            try (var signal = EventFd.create();
                    var unmask = EventFd.create()) {
                install(first, Irq.INTX, signal);
                first.setIrqEventFds(Irq.INTX, IrqAction.UNMASK, 0, List.of(unmask.duplicate()));
                first.setIrqs(Irq.INTX, IrqAction.MASK, 0, 1);
                commit();
                EventFd.signal(unmask);
                fuse.light(step);
                boolean died = false;
                try {
                    loop.turn();
                } catch (Death e) {
                    died = true;
                }
                // noted, unmasked, forgotten, committed: four steps
                assertThat(died).as("death at step %d", step).isEqualTo(step <= 4);
                first.abandon();
                var parts = new Everything[1];
                var second = start(context -> parts[0] = new Everything(context), left());
                install(second, Irq.INTX, signal);
                second.setIrqEventFds(Irq.INTX, IrqAction.UNMASK, 0, List.of(unmask.duplicate()));
                second.restored();
                loop.turn();
                commit();
                parts[0].line.raise();
                assertThat(DeviceFixture.signals(signal)).as("step %d", step).isEqualTo(1);
                second.close();
            }
        }
    }

    @Test
    void shouldLeaveMaskedWhatTheClientHasMasked() {
        var first = start(Everything::new, null);
        try (var signal = EventFd.create();
                var unmask = EventFd.create()) {
            install(first, Irq.INTX, signal);
            first.setIrqEventFds(Irq.INTX, IrqAction.UNMASK, 0, List.of(unmask.duplicate()));
            EventFd.signal(unmask);
            loop.turn();
            first.setIrqs(Irq.INTX, IrqAction.MASK, 0, 1);
            commit();
            first.abandon();
            var parts = new Everything[1];
            var second = start(context -> parts[0] = new Everything(context), left());
            install(second, Irq.INTX, signal);
            second.restored();
            parts[0].line.raise();
            assertThat(DeviceFixture.signals(signal)).isZero();
            second.close();
        }
    }

    @Test
    void shouldSignalWhatIsPendingOnceAllEventFdsAreBack() {
        var parts = new Everything[2];
        var first = start(context -> parts[0] = new Everything(context), null);
        try (var line = EventFd.create();
                var message = EventFd.create()) {
            install(first, Irq.INTX, line);
            install(first, Irq.MSIX, message);
            parts[0].line.raise();
            commit();
            assertThat(DeviceFixture.signals(line)).isZero();
            assertThat(DeviceFixture.signals(message)).isEqualTo(1);
            first.abandon();

            // the line must not go off only because it comes back first
            var second = start(context -> parts[1] = new Everything(context), left());
            install(second, Irq.INTX, line);
            install(second, Irq.MSIX, message);
            second.restored();
            assertThat(DeviceFixture.signals(line)).isZero();
            second.clearIrqEventFds(Irq.MSIX, IrqAction.TRIGGER, 0, 1);
            assertThat(DeviceFixture.signals(line)).isEqualTo(1);
            second.close();
        }
    }

    @Test
    void shouldDeliverALineThatIsAssertedAndNotMasked() {
        var parts = new Everything[1];
        var first = start(context -> parts[0] = new Everything(context), null);
        parts[0].line.raise(); // nobody listens
        commit();
        first.abandon();
        var second = start(Everything::new, left());
        try (var line = EventFd.create()) {
            install(second, Irq.INTX, line);
            assertThat(DeviceFixture.signals(line)).isZero();
            second.restored();
            assertThat(DeviceFixture.signals(line)).isEqualTo(1);
            second.close();
        }
    }

    @Test
    void shouldTellOfErrorsAgain() {
        var parts = new Everything[2];
        var first = start(context -> parts[0] = new Everything(context), null);
        try (var fd = EventFd.create()) {
            install(first, Irq.ERR, fd);
            first.abandon();
            var second = start(context -> parts[1] = new Everything(context), left());
            install(second, Irq.ERR, fd);
            second.restored();
            assertThat(DeviceFixture.signals(fd)).isZero();
            parts[1].error.signal();
            assertThat(DeviceFixture.signals(fd)).isEqualTo(1);
            second.close();
        }
    }

    @Test
    void shouldHaveTheSameEventFdsAsBefore() {
        var parts = new Everything[2];
        var first = start(context -> parts[0] = new Everything(context), null);
        int id = EventFd.id(parts[0].doorbell);
        EventFd.signal(parts[0].doorbell);
        first.abandon();
        var second = start(context -> parts[1] = new Everything(context), left());
        assertThat(parts[0].doorbell.isOpen()).isFalse();
        assertThat(EventFd.id(parts[1].doorbell)).isEqualTo(id);
        assertThat(DeviceFixture.signals(parts[1].doorbell)).isEqualTo(1);
        second.close();
        try (var memory = MemoryFile.create("test", 4096)) {
            store.put("own.doorbell", memory);
        }
        assertThatExceptionOfType(StateMismatchException.class)
                .isThrownBy(() -> start(Everything::new, null))
                .withMessage("what is stored as eventfd doorbell is none");
    }

    @Test
    void shouldLeaveTheDeviceAsItIsWhenItIsAbandoned() {
        var first = start(Everything::new, null);
        write(first, Region.BAR0, 0, 0xdead_beefL);
        try (var memory = MemoryFile.create("test", 4096)) {
            MemoryFile.seal(memory, MemoryFile.SEAL_SHRINK);
            first.mapDma(0, 4096, DmaAccess.READ_WRITE, memory.duplicate(), 0);
        }
        first.abandon();
        first.close();
        var second = start(Everything::new, left());
        assertThat(read(second, Region.BAR0, 0)).isEqualTo(0xdead_beefL);
        second.close();
    }

    @Test
    void shouldTellByNameWhatItIs() {
        var parts = new Everything[1];
        var device = start(context -> parts[0] = new Everything(context), null);
        parts[0].own.set(7);
        var contents = device.contents();
        assertThat(contents).containsKeys("bar0.CONTROL", "own", "pci.config", "pci.msix.table");
        assertThat(Objects.requireNonNull(contents.get("own")).get(StateLayout.U64, 0))
                .isEqualTo(7);
        assertThat(device.registers(0)).extracting(RegisterSnapshot::name).contains("CONTROL");
        assertThat(device.registers(Region.CONFIG)).isEmpty();
        device.close();
    }
}
