package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.muser.device.DmaAccess;
import dev.muser.device.EventLoop;
import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.Migration;
import dev.muser.device.MigrationState;
import dev.muser.device.Region;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A device that is stopped to be migrated does nothing, and what it has to do is not lost. */
class StandingStillTest {
    private static final long MEMORY = 0x10000;

    private final List<String> done = new ArrayList<>();
    private final FakePort port = new FakePort(0x20000);
    private final Fd signal = EventFd.create();
    private final Arena arena = Arena.ofShared();
    private final MemorySegment bytes = arena.allocate(8);
    private final Model model = new Model();
    private final DeviceFixture fixture =
            new DeviceFixture(ctx -> {
                model.declare(ctx);
                return model;
            });

    /** A device that does what the test tells it. */
    private static final class Model implements Device {
        private EventLoop loop = new dev.muser.device.ManualLoop();
        private GuestMemory memory = new GuestMemory(0, 0);
        private final List<Interrupt> vectors = new ArrayList<>();
        private int busy;
        private int resumed;
        private boolean broken;

        void declare(DeviceContext ctx) {
            ctx.identity(0x1234, 0x5678).intx();
            ctx.bar(0, 4096);
            ctx.bar(1, 4096);
            ctx.capability(new MsiX(2, 1));
            loop = ctx.loop();
            memory = ctx.memory();
            vectors.add(ctx.interrupt(0));
            vectors.add(ctx.interrupt(1));
        }

        @Override
        public boolean quiesce() {
            return busy == 0;
        }

        @Override
        public void resume() {
            resumed++;
        }

        @Override
        public void dmaUnmapped(long iova, long size) {
            if (broken) {
                throw new IllegalStateException("broken");
            }
        }
    }

    @AfterEach
    void close() {
        fixture.close();
        signal.close();
        arena.close();
    }

    private Migration migration() {
        return fixture.device.migration();
    }

    private void turn() {
        for (int i = 0; i < 3; i++) {
            fixture.loop.turn();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"STOP", "STOP_COPY", "RESUMING"})
    void shouldRunNothingOnItsLoop(MigrationState state) {
        var timer = model.loop.timer(() -> done.add("timer"));
        timer.arm(1_000_000_000);
        var idle = model.loop.timer(() -> done.add("a timer that is not armed"));
        var poller =
                model.loop.poller(() -> {
                    done.add("poller");
                    return true;
                });
        poller.start();
        model.loop.watch(
                signal,
                () -> {
                    EventFd.take(signal);
                    done.add("watch");
                });
        model.loop.execute(() -> done.add("task"));
        migration().moveTo(state);
        EventFd.signal(signal);
        model.loop.execute(() -> done.add("later task"));
        turn();
        fixture.loop.expire();
        assertThat(done).isEmpty();

        migration().moveTo(MigrationState.RUNNING);
        fixture.loop.turn();
        assertThat(done).contains("task", "later task", "watch", "poller").doesNotContain("timer");
        poller.stop();
        fixture.loop.expire();
        assertThat(done).endsWith("timer");
        assertThat(model.resumed).isEqualTo(1);
        idle.close();
    }

    @Test
    void shouldKeepRunningWhileItIsCopiedEarly() {
        migration().moveTo(MigrationState.PRE_COPY);
        model.loop.execute(() -> done.add("task"));
        turn();
        assertThat(done).containsExactly("task");
    }

    /** What a client has signalled before belongs to the device that moves. */
    @Test
    void shouldTakeWhatWasSignalledBeforeItStops() {
        model.loop.watch(
                signal,
                () -> {
                    EventFd.take(signal);
                    done.add("watch");
                });
        EventFd.signal(signal);
        migration().moveTo(MigrationState.STOP);
        assertThat(done).containsExactly("watch");
    }

    @Test
    void shouldHonourWhatIsArmedStartedOrClosedMeanwhile() {
        var timer = model.loop.timer(() -> done.add("timer"));
        var disarmed = model.loop.timer(() -> done.add("disarmed"));
        disarmed.arm(5);
        var stopped =
                model.loop.poller(() -> {
                    done.add("stopped");
                    return false;
                });
        stopped.start();
        var closed = model.loop.watch(signal, () -> done.add("closed"));
        migration().moveTo(MigrationState.STOP);
        timer.arm(5);
        disarmed.disarm();
        stopped.stop();
        closed.close();
        EventFd.signal(signal);
        migration().moveTo(MigrationState.RUNNING);
        turn();
        fixture.loop.expire();
        assertThat(done).containsExactly("timer");
    }

    @Test
    void shouldSignalNoMessageBeforeItRuns() {
        var first = fixture.install(Irq.MSIX, 0);
        var second = fixture.install(Irq.MSIX, 1);
        migration().moveTo(MigrationState.STOP);
        model.vectors.get(0).post();
        model.vectors.get(1).raise();
        model.vectors.get(1).lower();
        assertThat(DeviceFixture.signals(first)).isZero();
        migration().moveTo(MigrationState.RUNNING);
        assertThat(DeviceFixture.signals(first)).isEqualTo(1);
        assertThat(DeviceFixture.signals(second)).as("nothing to tell any more").isZero();
    }

    @Test
    void shouldSignalNoLineBeforeItRuns() {
        var line = fixture.install(Irq.INTX, 0);
        migration().moveTo(MigrationState.STOP);
        model.vectors.get(0).raise();
        assertThat(DeviceFixture.signals(line)).isZero();
        migration().moveTo(MigrationState.RUNNING);
        assertThat(DeviceFixture.signals(line)).isEqualTo(1);
    }

    @Test
    void shouldTouchNoMemoryBeforeItRuns() {
        var file = MemoryFile.create("test", 4096);
        fixture.device.mapDma(MEMORY, 4096, DmaAccess.READ_WRITE, file.duplicate(), 0);
        migration().moveTo(MigrationState.STOP);
        bytes.set(ValueLayout.JAVA_LONG, 0, 0x0102030405060708L);
        model.memory.write(MEMORY, bytes, errno -> done.add("written " + errno));
        assertThat(model.memory.writeNow(MEMORY, bytes, 0, 8)).isEqualTo(Errno.EBUSY);
        assertThat(content(file)).isZero();
        assertThat(done).isEmpty();
        migration().moveTo(MigrationState.RUNNING);
        assertThat(content(file)).isEqualTo(0x0102030405060708L);
        assertThat(done).containsExactly("written 0");
        fixture.device.unmapAllDma();
        file.close();
    }

    private long content(Fd file) {
        var read = arena.allocate(8);
        file.readAt(0, read, 0, 8);
        return read.get(ValueLayout.JAVA_LONG, 0);
    }

    @Test
    void shouldCompleteWhatTheClientAnswersMeanwhileWhenItRuns() {
        fixture.device.detach();
        fixture.device.attach(port);
        fixture.device.mapDma(MEMORY, 4096, DmaAccess.READ_WRITE, null, 0);
        model.memory.read(MEMORY, bytes, errno -> done.add("read " + errno));
        assertThat(port.pending()).isEqualTo(1);
        migration().moveTo(MigrationState.STOP);
        port.answer();
        model.memory.read(MEMORY + 8, bytes, errno -> done.add("second " + errno));
        assertThat(port.pending()).isZero();
        assertThat(done).isEmpty();
        migration().moveTo(MigrationState.RUNNING);
        assertThat(done).containsExactly("read 0");
        assertThat(port.pending()).isEqualTo(1);
        port.answer();
        assertThat(done).containsExactly("read 0", "second 0");
    }

    @Test
    void shouldEndWhatWaitsWithTheClient() {
        fixture.device.detach();
        fixture.device.attach(port);
        fixture.device.mapDma(MEMORY, 4096, DmaAccess.READ_WRITE, null, 0);
        model.memory.read(MEMORY, bytes, errno -> done.add("first " + errno));
        migration().moveTo(MigrationState.STOP);
        port.answer();
        model.memory.read(MEMORY, bytes, errno -> done.add("second " + errno));
        fixture.device.detach();
        assertThat(done)
                .containsExactlyInAnyOrder("first " + Errno.ECONNRESET, "second " + Errno.EFAULT);
        fixture.device.attach(null);
        assertThat(migration().state()).isEqualTo(MigrationState.RUNNING);
        model.loop.execute(() -> done.add("task"));
        turn();
        assertThat(done).endsWith("task");
    }

    @Test
    void shouldEndWhatWaitsWithTheClientAlsoWhenTheDeviceFails() {
        fixture.device.detach();
        fixture.device.attach(port);
        fixture.device.mapDma(MEMORY, 4096, DmaAccess.READ_WRITE, null, 0);
        migration().moveTo(MigrationState.STOP);
        model.memory.write(MEMORY, bytes, errno -> done.add("written " + errno));
        model.broken = true;
        assertThatIllegalStateException().isThrownBy(fixture.device::detach);
        model.broken = false;
        assertThat(done).containsExactly("written " + Errno.EFAULT);
        assertThat(port.pending()).isZero();
    }

    @Test
    void shouldWaitForWhatIsUnderWayElsewhere() {
        model.busy = 1;
        assertThat(migration().prepare(MigrationState.STOP_COPY)).isFalse();
        model.loop.execute(() -> done.add("task"));
        turn();
        assertThat(done).containsExactly("task");
        model.busy = 0;
        assertThat(migration().prepare(MigrationState.STOP_COPY)).isTrue();
        migration().moveTo(MigrationState.STOP_COPY);
        assertThat(migration().prepare(MigrationState.RUNNING)).isTrue();
    }

    @Test
    void shouldGoOnRunningWhenThatDoesNotEnd() {
        model.busy = 1;
        assertThat(DeviceFixture.errno(() -> migration().moveTo(MigrationState.STOP_COPY)))
                .isEqualTo(Errno.EBUSY);
        assertThat(migration().state()).isEqualTo(MigrationState.RUNNING);
        assertThat(model.resumed).isEqualTo(1);
        model.loop.execute(() -> done.add("task"));
        turn();
        assertThat(done).containsExactly("task");
    }

    @Test
    void shouldGoOnRunningWhenTheClientLeavesBeforeThat() {
        model.busy = 1;
        assertThat(migration().prepare(MigrationState.STOP)).isFalse();
        fixture.device.detach();
        fixture.device.attach(null);
        assertThat(model.resumed).isEqualTo(1);
        assertThat(migration().state()).isEqualTo(MigrationState.RUNNING);
    }

    @Test
    void shouldNotPrepareForWhatIsRefusedAnyway() {
        model.busy = 1;
        assertThat(migration().prepare(MigrationState.ERROR)).isTrue();
        assertThat(migration().prepare(MigrationState.RUNNING)).isTrue();
        assertThat(migration().prepare(MigrationState.PRE_COPY)).isTrue();
    }

    /** What is masked is between this device and its client. */
    @Test
    void shouldNotMoveWhatTheClientHasMasked() {
        fixture.install(Irq.MSIX, 0);
        fixture.device.setIrqs(Irq.MSIX, IrqAction.MASK, 0, 1);
        fixture.device.setIrqs(Irq.INTX, IrqAction.MASK, 0, 1);
        model.vectors.get(0).post();
        var stream = Streams.stopAndRead(migration());
        var other = new Model();
        try (var far =
                new DeviceFixture(ctx -> {
                    other.declare(ctx);
                    return other;
                })) {
            var vector = far.install(Irq.MSIX, 0);
            var masked = far.install(Irq.MSIX, 1);
            far.device.setIrqs(Irq.MSIX, IrqAction.MASK, 1, 1);
            Streams.resume(far.device.migration(), stream);
            assertThat(DeviceFixture.signals(vector)).as("was pending").isEqualTo(1);
            other.vectors.get(1).post();
            assertThat(DeviceFixture.signals(masked)).as("masked at this end").isZero();
            far.device.setIrqs(Irq.MSIX, IrqAction.UNMASK, 1, 1);
            assertThat(DeviceFixture.signals(masked)).isEqualTo(1);
            assertThat(far.read(Region.CONFIG, 0, 4)).isEqualTo(0x5678_1234L);
        }
    }
}
