package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.ManualLoop;
import dev.muser.device.MigrationState;
import dev.muser.device.state.DeviceHome;
import dev.muser.device.state.StateSegment;
import dev.muser.linux.Errno;
import dev.muser.service.LocalStore;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Devices whose authors have done nothing for it migrate. */
class StateStreamTest extends StateStreamFixture {
    @Test
    void shouldMoveAllThatADeviceIs() {
        var from = new End();
        var to = new End();
        fill(from, 1);
        fill(to, 2);
        Streams.resume(to.device.migration(), Streams.stopAndRead(from.device.migration()));
        assertSame(from, to);
        assertThat(to.model.calls).containsExactly("reset DEVICE", "restored");
        assertThat(to.device.migration().state()).isEqualTo(MigrationState.RUNNING);
    }

    @Test
    void shouldMoveWhatChangesWhileItIsCopied() {
        var from = new End();
        var to = new End();
        fill(from, 1);
        var migration = from.device.migration();
        migration.moveTo(MigrationState.PRE_COPY);
        to.device.migration().moveTo(MigrationState.RESUMING);
        var random = new Random(3);
        for (int i = 0; i < 20; i++) {
            var piece = arena.allocate(1 + random.nextInt(70_000));
            int n = migration.read(piece, 0, (int) piece.byteSize());
            to.device.migration().write(piece, 0, n);
            fill(from, 100 + i);
        }
        from.model.mapped.segment().asSlice(0, 20L * PAGE).fill((byte) 0); // was sent with bytes
        Streams.write(to.device.migration(), Streams.stopAndRead(migration));
        to.device.migration().moveTo(MigrationState.RUNNING);
        assertSame(from, to);
    }

    @Test
    void shouldSendEarlyWhatDoesNotChangeAndThenNoMore() {
        var from = new End();
        fill(from, 1);
        from.model.mapped.segment().fill((byte) 0x5a);
        var migration = from.device.migration();
        migration.moveTo(MigrationState.PRE_COPY);
        var early = Streams.read(migration);
        assertThat(early.length).isGreaterThan(64 * PAGE);
        assertThat(Streams.read(migration)).isEmpty();
        from.model.mapped.segment().set(ValueLayout.JAVA_INT, 12L * PAGE, 1);
        var late = Streams.stopAndRead(migration);
        assertThat(late.length).isBetween(PAGE, 3 * PAGE);
        assertThat(Streams.read(migration)).isEmpty();
    }

    @Test
    void shouldGoOnAtTheSourceWhenTheMigrationIsGivenUp() {
        var from = new End();
        fill(from, 1);
        var before = from.contents();
        var migration = from.device.migration();
        Streams.stopAndRead(migration);
        migration.moveTo(MigrationState.RUNNING);
        from.contents()
                .forEach((name, bytes) -> assertThat(bytes).as(name).isEqualTo(before.get(name)));
        from.write(0, 0, 99);
        var to = new End();
        Streams.resume(to.device.migration(), Streams.stopAndRead(migration));
        assertThat(to.read(0, 0)).isEqualTo(99);
    }

    @Test
    void shouldStayWhatItIsWhenNothingCame() {
        var to = new End();
        fill(to, 2);
        var before = to.contents();
        to.device.migration().moveTo(MigrationState.RESUMING);
        to.device.migration().moveTo(MigrationState.RUNNING);
        to.contents()
                .forEach((name, bytes) -> assertThat(bytes).as(name).isEqualTo(before.get(name)));
    }

    @Test
    void shouldDefaultTheFieldsThatAnOlderBuildDidNotHave() {
        var from = new End();
        fill(from, 1);
        int control = from.read(0, 0);
        var news = new ArrayList<StateField>();
        var to =
                new End(
                        2 * PAGE,
                        ctx -> {
                            news.add(ctx.state().field("a_new_one", Width.U32));
                            ctx.bar(4, PAGE).register("NEW", 0, Width.U32).reset(77).readWrite();
                        });
        news.getFirst().set(5);
        Streams.resume(to.device.migration(), Streams.stopAndRead(from.device.migration()));
        assertThat(news.getFirst().get()).isZero();
        assertThat(to.read(4, 0)).isEqualTo(77);
        assertThat(to.read(0, 0)).isEqualTo(control);
    }

    /**
     * Rows: now; columns: targets 0 to 7, x is refused (vfio-user, DEVICE_FEATURE; VFIO,
     * mig_state).
     */
    @ParameterizedTest
    @CsvSource({
        "STOP,      x1234x6x",
        "RUNNING,   x1234x6x",
        "STOP_COPY, x1234xxx",
        "RESUMING,  x1234x6x",
        "PRE_COPY,  x1234x6x"
    })
    void shouldGoEveryWayThatThereIsAndNoOther(MigrationState now, String targets) {
        for (var target : MigrationState.values()) {
            var end = new End();
            var migration = end.device.migration();
            migration.moveTo(now);
            boolean refused = targets.charAt(target.number()) == 'x';
            if (refused) {
                assertThat(DeviceFixture.errno(() -> migration.moveTo(target)))
                        .as("%s to %s", now, target)
                        .isEqualTo(Errno.EINVAL);
                assertThat(migration.state()).isEqualTo(now);
            } else {
                migration.moveTo(target);
                assertThat(migration.state()).isEqualTo(target);
            }
        }
    }

    /** What one process has begun the next cannot go on with, and must not get wrong. */
    @Test
    void shouldRefuseToGoOnWithAStreamInAnotherProcess() {
        var store = new LocalStore();
        open.add(store);
        var segment = StateSegment.create("test");
        var first = kept(segment, store);
        segment.ready();
        first.migration().moveTo(MigrationState.PRE_COPY);
        Streams.read(first.migration());
        segment.commit();
        first.abandon();
        var fd = segment.fd().duplicate();
        segment.close();
        var again = java.util.Objects.requireNonNull(StateSegment.open(fd, "test"));
        var second = kept(again, store);
        second.restored();
        assertThat(second.migration().state()).isEqualTo(MigrationState.PRE_COPY);
        var buffer = arena.allocate(100);
        assertThat(DeviceFixture.errno(() -> second.migration().read(buffer, 0, 100)))
                .isEqualTo(Errno.EIO);
        assertThat(DeviceFixture.errno(() -> second.migration().moveTo(MigrationState.STOP_COPY)))
                .isEqualTo(Errno.EIO);
        second.migration().moveTo(MigrationState.RUNNING);
        assertThat(Streams.stopAndRead(second.migration())).isNotEmpty();
        second.close();
        again.close();
    }

    private static PciDevice kept(StateSegment segment, LocalStore store) {
        return PciDevice.create(
                ctx -> new Everything(ctx, PAGE, more -> {}),
                new ManualLoop(),
                new DeviceHome(segment, store));
    }
}
