package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.device.MigrationState;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** Devices take no stream that is damaged, or is not theirs, and stay as they are. */
class StateStreamRefusalTest extends StateStreamFixture {
    private void assertRefused(UnaryOperator<byte[]> damage, String message) {
        var from = new End();
        fill(from, 1);
        var stream = damage.apply(Streams.stopAndRead(from.device.migration()));
        assertRefused(new End(), stream, message);
    }

    private static void assertRefused(End to, byte[] stream, String message) {
        fill(to, 2);
        var before = to.contents();
        var migration = to.device.migration();
        migration.moveTo(MigrationState.RESUMING);
        assertThatThrownBy(
                        () -> {
                            Streams.write(migration, stream);
                            migration.moveTo(MigrationState.RUNNING);
                        })
                .isInstanceOfSatisfying(
                        VfioException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL))
                .hasMessageContaining(message);
        assertThat(migration.state()).isEqualTo(MigrationState.RESUMING);
        to.contents()
                .forEach((name, bytes) -> assertThat(bytes).as(name).isEqualTo(before.get(name)));
        assertThat(to.model.calls).isEmpty();
        to.device.reset();
        assertThat(migration.state()).isEqualTo(MigrationState.RUNNING);
        assertThat(to.read(0, 0)).isEqualTo(7);
    }

    @Test
    void shouldRefuseAStreamThatIsCutAtAnyRecord() {
        var from = new End();
        fill(from, 1);
        var stream = Streams.stopAndRead(from.device.migration());
        var starts = StreamRecords.starts(stream);
        assertThat(starts.size()).isGreaterThan(8);
        for (int start : starts) {
            if (start != 0) {
                assertRefused(new End(), Arrays.copyOf(stream, start), "cut short");
                assertRefused(new End(), Arrays.copyOf(stream, start - 1), "cut short");
            }
        }
    }

    @Test
    void shouldRefuseAStreamOfWhichAnyBitIsWrong() {
        var from = new End();
        fill(from, 1);
        var stream = Streams.stopAndRead(from.device.migration());
        var random = new Random(4);
        var starts = StreamRecords.starts(stream);
        for (int i = 0; i < 300; i++) {
            var wrong = stream.clone();
            // half of them in the headers, which are small
            int at =
                    i % 2 == 0
                            ? random.nextInt(stream.length)
                            : starts.get(random.nextInt(starts.size()))
                                    + random.nextInt(StreamRecords.HEADER);
            wrong[at] ^= (byte) (1 << random.nextInt(8));
            assertRefused(new End(), wrong, "migration stream");
        }
    }

    @Test
    void shouldRefuseRecordsInAnotherOrderTwiceOrLeftOut() {
        var from = new End();
        fill(from, 1);
        var stream = Streams.stopAndRead(from.device.migration());
        var starts = StreamRecords.starts(stream);
        int third = starts.get(2);
        int fourth = starts.get(3);
        int fifth = starts.get(4);
        assertRefused(
                new End(),
                StreamRecords.join(
                        StreamRecords.part(stream, 0, third),
                        StreamRecords.part(stream, fourth, stream.length)),
                "was expected");
        assertRefused(
                new End(),
                StreamRecords.join(
                        StreamRecords.part(stream, 0, third),
                        StreamRecords.part(stream, fourth, fifth),
                        StreamRecords.part(stream, third, fourth),
                        StreamRecords.part(stream, fifth, stream.length)),
                "was expected");
        assertRefused(
                new End(),
                StreamRecords.join(
                        StreamRecords.part(stream, 0, fourth),
                        StreamRecords.part(stream, third, stream.length)),
                "was expected");
        assertRefused(new End(), StreamRecords.join(stream, stream), "behind its end");
        assertRefused(
                new End(),
                StreamRecords.part(stream, third, stream.length),
                "where record 0 was expected");
    }

    @Test
    void shouldRefuseTwoStreamsThatAreMixed() {
        var from = new End();
        fill(from, 1);
        var one = Streams.stopAndRead(from.device.migration());
        from.device.migration().moveTo(MigrationState.RUNNING);
        var other = Streams.stopAndRead(from.device.migration());
        int at = StreamRecords.starts(one).get(5);
        assertRefused(
                new End(),
                StreamRecords.join(
                        StreamRecords.part(one, 0, at),
                        StreamRecords.part(other, at, other.length)),
                "another stream");
    }

    @Test
    void shouldRefuseWhatIsNoStreamAtAll() {
        assertRefused(stream -> new byte[1000], "no migration stream of Muser");
        assertRefused(stream -> new byte[1], "cut short");
    }

    @Test
    void shouldRefuseAnotherDevice() {
        var from = new End();
        var stream = Streams.stopAndRead(from.device.migration());
        var serial = new End();
        serial.model.traits = Map.of("serial", "two");
        assertRefused(serial, stream, "serial is 'one' there and 'two' here");
        var none = new End();
        none.model.traits = Map.of();
        assertRefused(none, stream, "serial 'one'");
        assertRefused(new End(2 * PAGE, ctx -> ctx.subsystem(1, 2)), stream, "pci.subsystem");
        assertRefused(new End(2 * PAGE, ctx -> ctx.classCode(1, 8, 2)), stream, "pci.class");
        var revisions = new End(2 * PAGE, ctx -> ctx.revision(3)); // which only says how new it is
        Streams.resume(revisions.device.migration(), stream);
    }

    @Test
    void shouldSayWhichFieldAnOlderBuildDoesNotKnow() {
        var newer = new End(2 * PAGE, ctx -> ctx.state().field("a_new_one", Width.U32));
        var stream = Streams.stopAndRead(newer.device.migration());
        assertRefused(new End(), stream, "a_new_one");
        var longer = new End(2 * PAGE, ctx -> ctx.state().array("buffer", 64));
        var shorter = new End(2 * PAGE, ctx -> ctx.state().array("buffer", 32));
        assertRefused(
                shorter,
                Streams.stopAndRead(longer.device.migration()),
                "field buffer has 64 bytes");
        var larger = new End(3 * PAGE, ctx -> {});
        assertRefused(
                new End(),
                Streams.stopAndRead(larger.device.migration()),
                "outside has 12288 bytes in the stream and 8192 here");
    }

    @Test
    void shouldSayThatTheStreamIsOfANewerKind() {
        assertRefused(
                stream -> StreamRecords.rewritten(stream, "muser-migration 1", "muser-migration 2"),
                "format 2, and this build reads format 1");
        assertRefused(
                stream -> StreamRecords.rewritten(stream, "state 1 ", "state 2 "),
                "state has version 2");
        assertRefused(
                stream -> StreamRecords.rewritten(stream, "outside 1", "outsidf 1"),
                "outsidf is not known");
    }

    @Test
    void shouldBeginAgainWithAnotherStreamAfterABadOne() {
        var from = new End();
        fill(from, 1);
        var stream = Streams.stopAndRead(from.device.migration());
        var to = new End();
        var migration = to.device.migration();
        migration.moveTo(MigrationState.RESUMING);
        assertThat(DeviceFixture.errno(() -> Streams.write(migration, new byte[100])))
                .isEqualTo(Errno.EINVAL);
        assertThat(DeviceFixture.errno(() -> Streams.write(migration, stream)))
                .isEqualTo(Errno.EINVAL);
        to.device.reset();
        Streams.resume(migration, stream);
        assertSame(from, to);
    }

    /** What a sender wrote reaches the log of whoever refuses it. */
    @Test
    void shouldSayInOneShortLineWhyAStreamIsRefused() {
        assertRefused(
                stream -> StreamRecords.rewritten(stream, "state 1 ", "\n\033[2J\0 \177"),
                "'??[2J? ?");
        var sender = new End();
        sender.model.traits = Map.of("serial", "x".repeat(20_000));
        var stream = Streams.stopAndRead(sender.device.migration());
        var to = new End().device.migration();
        to.moveTo(MigrationState.RESUMING);
        assertThatThrownBy(() -> Streams.write(to, stream))
                .hasMessageContaining("serial is 'xxx")
                .extracting(e -> String.valueOf(e.getMessage()).length())
                .satisfies(length -> assertThat(length).isLessThan(500));
    }
}
