package dev.muser.testkit.restart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.muser.device.EventLoop;
import dev.muser.device.ResetKind;
import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceContext;
import dev.muser.device.pci.DeviceFactory;
import dev.muser.device.pci.Interrupt;
import dev.muser.device.pci.MsiX;
import dev.muser.device.pci.Register;
import dev.muser.device.pci.Width;
import dev.muser.devices.conformance.Conformance;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.util.Objects;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** The check finds what devices forget, says what it is, and says nothing of those that do not. */
class RestartCheckTest {
    private static final int SEEDS = 5;

    /** Each of some runs reports it. */
    private static void finds(DeviceFactory broken, String what) {
        for (int seed = 1; seed <= SEEDS; seed++) {
            assertThat(report(broken, seed))
                    .as("report of seed %d", seed)
                    .contains(
                            what,
                            "seed " + seed,
                            "kept outside of the device's state",
                            "The last of what happened:");
        }
    }

    private static String report(DeviceFactory factory, int seed) {
        var thrown = catchThrowable(() -> RestartCheck.of(factory).seed(seed).run());
        assertThat(thrown).as("seed %d", seed).isExactlyInstanceOf(AssertionError.class);
        return String.valueOf(thrown.getMessage());
    }

    private static void findsNothing(DeviceFactory sound) {
        for (int seed = 1; seed <= SEEDS; seed++) {
            assertThat(RestartCheck.of(sound).seed(seed).run().restarts()).isPositive();
        }
    }

    /** Counts the writes to a register. */
    private static final class Counter implements Device {
        private final boolean sound;
        private final Register stored;
        private int kept;

        Counter(DeviceContext ctx, boolean sound) {
            this.sound = sound;
            ctx.identity(0x1234, 1);
            var bar = ctx.bar(0, 4096);
            stored = bar.register("STORED", 0x10, Width.U32).readOnly();
            bar.register("BUMP", 0, Width.U32).writeOnly(value -> bump());
            bar.register("COUNT", 8, Width.U32).readOnly(() -> sound ? stored.get() : kept);
        }

        private void bump() {
            if (sound) {
                stored.set(stored.get() + 1);
            } else {
                kept++;
            }
        }

        @Override
        public void reset(ResetKind kind) {
            kept = 0;
        }
    }

    @Test
    void shouldNameTheRegisterBehindWhichThereIsAJavaField() {
        finds(ctx -> new Counter(ctx, false), "register COUNT of BAR0: 0x");
        findsNothing(ctx -> new Counter(ctx, true));
    }

    /** Ticks with a timer while it is on. */
    private static final class Clock implements Device {
        private final boolean sound;
        private final Register on;
        private final Register ticks;
        private final EventLoop.Timer timer;

        Clock(DeviceContext ctx, boolean sound) {
            this.sound = sound;
            ctx.identity(0x1234, 2);
            var bar = ctx.bar(0, 4096);
            on = bar.register("ON", 0, Width.U8).writable(1).onWrite(v -> turn()).readWrite();
            ticks = bar.register("TICKS", 8, Width.U64).readOnly();
            timer = ctx.loop().timer(this::tick);
        }

        private void turn() {
            if (on.get() != 0) {
                timer.arm(1_000_000);
            } else {
                timer.disarm();
            }
        }

        private void tick() {
            ticks.set(ticks.get() + 1);
            turn();
        }

        @Override
        public void reset(ResetKind kind) {
            timer.disarm();
        }

        @Override
        public void restored() {
            if (sound) {
                turn();
            }
        }
    }

    @Test
    void shouldNameTheRegisterThatATimerNoLongerChanges() {
        finds(ctx -> new Clock(ctx, false), "register TICKS of BAR0: 0x");
        findsNothing(ctx -> new Clock(ctx, true));
    }

    /** Squares numbers, after the reply. */
    private static final class Squarer implements Device {
        private final boolean sound;
        private final EventLoop loop;
        private final Register busy;
        private final Register number;
        private final Register result;

        Squarer(DeviceContext ctx, boolean sound) {
            this.sound = sound;
            loop = ctx.loop();
            ctx.identity(0x1234, 3);
            var bar = ctx.bar(0, 4096);
            busy = bar.register("BUSY", 0, Width.U8).readOnly();
            number = bar.register("NUMBER", 8, Width.U64).onWrite(v -> begin()).readWrite();
            result = bar.register("RESULT", 16, Width.U64).readOnly();
        }

        private void begin() {
            busy.set(1);
            loop.execute(this::square);
        }

        private void square() {
            if (busy.get() != 0) {
                result.set(number.get() * number.get());
                busy.set(0);
            }
        }

        @Override
        public void restored() {
            if (sound && busy.get() != 0) {
                loop.execute(this::square);
            }
        }
    }

    @Test
    void shouldNameTheRegisterThatALostTaskWouldHaveSet() {
        finds(ctx -> new Squarer(ctx, false), "register BUSY of BAR0: 0x0 without restarts, 0x1");
        findsNothing(ctx -> new Squarer(ctx, true));
    }

    /** Writes a number to the client's memory and tells of it. */
    private static final class Writer implements Device {
        private final boolean sound;
        private final DeviceContext ctx;
        private final Register due;
        private final Register address;
        private final Interrupt interrupt;
        private final MemorySegment bytes = Arena.ofAuto().allocate(8, 8);

        Writer(DeviceContext ctx, boolean sound) {
            this.sound = sound;
            this.ctx = ctx;
            ctx.identity(0x1234, 4);
            ctx.capability(new MsiX(1, 2));
            ctx.bar(2, 4096);
            interrupt = ctx.interrupt(0);
            var bar = ctx.bar(0, 4096);
            due = bar.register("DUE", 0, Width.U8).readOnly();
            address = bar.register("ADDRESS", 8, Width.U64).onWrite(v -> begin()).readWrite();
        }

        private void begin() {
            due.set(1);
            ctx.loop().execute(this::move);
        }

        private void move() {
            if (due.get() == 0) {
                return;
            }
            if (!sound) {
                due.set(0); // and dies before it has done what is due
                ctx.state().commit();
            }
            bytes.set(ValueLayout.JAVA_LONG, 0, address.get());
            ctx.memory().write(address.get(), bytes, errno -> moved());
        }

        private void moved() {
            due.set(0);
            interrupt.post();
            interrupt.lower();
        }

        @Override
        public void restored() {
            if (due.get() != 0) {
                ctx.loop().execute(this::move);
            }
        }
    }

    @Test
    void shouldTellOfAnInterruptOrOfMemoryThatIsMissing() {
        // it must die between two steps of one task: not every run does
        var reports = new StringBuilder();
        for (int seed = 1; seed <= 20; seed++) {
            var check = RestartCheck.of(ctx -> new Writer(ctx, false)).seed(seed);
            reports.append(catchThrowable(check::run));
        }
        assertThat(reports.toString())
                .contains("interrupt MSI-X 0: signalled without restarts, lost with them")
                .contains("died before step");
        findsNothing(ctx -> new Writer(ctx, true));
    }

    /** Gives out an eventfd. */
    private static final class Bell implements Device {
        private final Fd fd;

        Bell(DeviceContext ctx, boolean sound) {
            ctx.identity(0x1234, 5);
            fd = sound ? ctx.eventFd("bell") : EventFd.create();
            ctx.bar(0, 4096).ioEventFd(0, 4, fd, OptionalLong.empty());
        }

        @Override
        public void close() {
            fd.close();
        }
    }

    @Test
    void shouldTellOfAnEventFdThatClientsHaveAndTheDeviceHasNot() {
        finds(
                ctx -> new Bell(ctx, false),
                "ioeventfd 0 of BAR0 is another one than clients have: get it by"
                        + " DeviceContext.eventFd");
        findsNothing(ctx -> new Bell(ctx, true));
    }

    @Test
    void shouldNameTheRegisterOfAReplyThatDiffers() {
        // settles only at the end, so that the reply is what differs first
        var thrown =
                catchThrowable(() ->
                        RestartCheck.of(ctx -> new Counter(ctx, false))
                                .generator(() ->
                                        (random, device) ->
                                                random.nextBoolean()
                                                        ? Request.write(0, 0, 4, 1)
                                                        : new Request.Read(0, 8, 4))
                                .run());
        assertThat(thrown)
                .isExactlyInstanceOf(AssertionError.class)
                .hasMessageContaining("reply: bytes ")
                .hasMessageContaining("read of 4 bytes at 0x8 of BAR0 (COUNT)");
    }

    @Test
    void shouldLeaveNoDescriptorOpenHoweverOftenItRestarts() {
        int before = descriptors();
        findsNothing(Conformance::new);
        // other tests may have left some that go away meanwhile
        assertThat(descriptors()).isLessThanOrEqualTo(before);
    }

    /** Returns how many there are of the kinds that a check uses. */
    private static int descriptors() {
        int count = 0;
        for (var fd : Objects.requireNonNull(new File("/proc/self/fd").listFiles())) {
            try {
                var file = Files.readSymbolicLink(fd.toPath()).toString();
                count += file.matches("/memfd:muser-.*|anon_inode:\\[event(fd|poll)]") ? 1 : 0;
            } catch (IOException e) {
                // it was that of the listing
            }
        }
        return count;
    }

    @Test
    void shouldGiveTheSameReportForTheSameSeed() {
        assertThat(report(ctx -> new Counter(ctx, false), 3))
                .isEqualTo(report(ctx -> new Counter(ctx, false), 3));
    }

    @Test
    void shouldLeaveOutWhatItIsToldTo() {
        var summary =
                RestartCheck.of(ctx -> new Counter(ctx, false))
                        .generator(() ->
                                (random, device) ->
                                        random.nextInt(4) != 0
                                                ? Request.write(0, 0, 4, 1)
                                                : new Request.Settle())
                        .ignoring("bar0.COUNT")
                        .run();
        assertThat(summary.restarts()).isPositive();
    }
}
