package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.device.ManualLoop;
import dev.muser.device.MigrationState;
import dev.muser.device.Region;
import dev.muser.device.VfioException;
import dev.muser.device.state.DeviceHome;
import dev.muser.device.state.StateSegment;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.service.LocalStore;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Devices whose authors have done nothing for it migrate. */
class StateStreamTest {
    private static final int HEADER = 48;
    private static final int RECORD_LENGTH = 28;
    private static final int PAGE = 4096;

    private final List<AutoCloseable> open = new ArrayList<>();
    private final Arena arena = Arena.ofShared();

    /** A device with some of everything. */
    private static final class Everything implements Device {
        private final List<String> calls = new ArrayList<>();
        private final StateField level;
        private final StateArray table;
        private final BackedMemory mapped;
        private final Fd outside;
        private final int outsideSize;
        private Map<String, String> traits = Map.of("serial", "one");

        Everything(DeviceContext ctx, int outsideSize, Consumer<DeviceContext> more) {
            this.outsideSize = outsideSize;
            ctx.identity(0x1234, 0x5678);
            var bar = ctx.bar(0, PAGE);
            bar.register("CONTROL", 0, Width.U32).reset(7).readWrite();
            bar.register("STATUS", 4, Width.U32).readOnly();
            level = ctx.state().field("level", Width.U16);
            table = ctx.state().array("table", 100_000);
            mapped = ctx.bar(2, 64L * PAGE).mappable(0, 64L * PAGE);
            ctx.bar(3, PAGE);
            ctx.capability(new MsiX(4, 3));
            ctx.interrupt(1);
            more.accept(ctx);
            outside = MemoryFile.create("test", outsideSize);
        }

        @Override
        public void powerOn() {
            level.set(55);
        }

        @Override
        public void reset(dev.muser.device.ResetKind kind) {
            calls.add("reset " + kind);
        }

        @Override
        public void restored() {
            calls.add("restored");
        }

        @Override
        public Map<String, String> traits() {
            return traits;
        }

        @Override
        public List<MovedMemory> movedMemory() {
            return List.of(new MovedMemory("outside", outside, 0, outsideSize));
        }

        @Override
        public void close() {
            outside.close();
        }
    }

    private final class End {
        final ManualLoop loop = new ManualLoop();
        final Everything model;
        final PciDevice device;

        End() {
            this(2 * PAGE, ctx -> {});
        }

        End(int outsideSize, Consumer<DeviceContext> more) {
            var models = new ArrayList<Everything>();
            device =
                    PciDevice.create(
                            ctx -> {
                                models.add(new Everything(ctx, outsideSize, more));
                                return models.getFirst();
                            },
                            loop);
            model = models.getFirst();
            device.attach(null);
            open.add(device);
        }

        void write(int region, long offset, int value) {
            var buffer = arena.allocate(4);
            buffer.set(ValueLayout.JAVA_INT, 0, value);
            device.writeRegion(region, offset, buffer, 0, 4);
        }

        int read(int region, long offset) {
            var buffer = arena.allocate(4);
            device.readRegion(region, offset, buffer, 0, 4);
            return buffer.get(ValueLayout.JAVA_INT, 0);
        }

        void outside(long at, int value) {
            var buffer = arena.allocate(4);
            buffer.set(ValueLayout.JAVA_INT, 0, value);
            model.outside.writeAt(at, buffer, 0, 4);
        }

        /** Returns all that it is, but for its migration itself. */
        Map<String, byte[]> contents() {
            var all = new LinkedHashMap<String, byte[]>();
            device.contents()
                    .forEach((name, bytes) -> {
                        if (!name.startsWith("pci.migration")) {
                            all.put(name, bytes.toArray(ValueLayout.JAVA_BYTE));
                        }
                    });
            var bytes = arena.allocate(model.outsideSize);
            model.outside.readAt(0, bytes, 0, model.outsideSize);
            all.put("outside", bytes.toArray(ValueLayout.JAVA_BYTE));
            return all;
        }
    }

    @AfterEach
    void close() throws Exception {
        for (var each : open) {
            each.close();
        }
        arena.close();
    }

    private static void assertSame(End expected, End actual) {
        var other = actual.contents();
        expected.contents()
                .forEach((name, bytes) -> assertThat(other.get(name)).as(name).isEqualTo(bytes));
    }

    /** Fills a device with what is not the same twice. */
    private static void fill(End end, long seed) {
        var random = new Random(seed);
        end.write(0, 0, random.nextInt());
        end.model.level.set(random.nextInt());
        for (int i = 0; i < 50; i++) {
            end.model.table.set(4L * random.nextInt(25_000), Width.U32, random.nextInt());
            end.model
                    .mapped
                    .segment()
                    .set(ValueLayout.JAVA_INT, 4L * random.nextInt(65_536), random.nextInt());
        }
        end.outside(4L * random.nextInt(1024), random.nextInt());
        end.write(Region.CONFIG, 0x3c, random.nextInt(256));
        end.write(3, 0, random.nextInt());
    }

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

    // ---- what is refused ----

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

    private static List<Integer> recordStarts(byte[] stream) {
        var starts = new ArrayList<Integer>();
        var bytes = MemorySegment.ofArray(stream);
        for (int at = 0; at < stream.length; ) {
            starts.add(at);
            at += HEADER + bytes.get(ValueLayout.JAVA_INT_UNALIGNED, at + RECORD_LENGTH);
        }
        return starts;
    }

    @Test
    void shouldRefuseAStreamThatIsCutAtAnyRecord() {
        var from = new End();
        fill(from, 1);
        var stream = Streams.stopAndRead(from.device.migration());
        var starts = recordStarts(stream);
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
        var starts = recordStarts(stream);
        for (int i = 0; i < 300; i++) {
            var wrong = stream.clone();
            // half of them in the headers, which are small
            int at =
                    i % 2 == 0
                            ? random.nextInt(stream.length)
                            : starts.get(random.nextInt(starts.size())) + random.nextInt(HEADER);
            wrong[at] ^= (byte) (1 << random.nextInt(8));
            assertRefused(new End(), wrong, "migration stream");
        }
    }

    @Test
    void shouldRefuseRecordsInAnotherOrderTwiceOrLeftOut() {
        var from = new End();
        fill(from, 1);
        var stream = Streams.stopAndRead(from.device.migration());
        var starts = recordStarts(stream);
        int third = starts.get(2);
        int fourth = starts.get(3);
        int fifth = starts.get(4);
        assertRefused(
                new End(),
                join(part(stream, 0, third), part(stream, fourth, stream.length)),
                "was expected");
        assertRefused(
                new End(),
                join(
                        part(stream, 0, third),
                        part(stream, fourth, fifth),
                        part(stream, third, fourth),
                        part(stream, fifth, stream.length)),
                "was expected");
        assertRefused(
                new End(),
                join(part(stream, 0, fourth), part(stream, third, stream.length)),
                "was expected");
        assertRefused(new End(), join(stream, stream), "behind its end");
        assertRefused(new End(), part(stream, third, stream.length), "where record 0 was expected");
    }

    @Test
    void shouldRefuseTwoStreamsThatAreMixed() {
        var from = new End();
        fill(from, 1);
        var one = Streams.stopAndRead(from.device.migration());
        from.device.migration().moveTo(MigrationState.RUNNING);
        var other = Streams.stopAndRead(from.device.migration());
        int at = recordStarts(one).get(5);
        assertRefused(
                new End(), join(part(one, 0, at), part(other, at, other.length)), "another stream");
    }

    private static byte[] part(byte[] bytes, int from, int to) {
        return Arrays.copyOfRange(bytes, from, to);
    }

    private static byte[] join(byte[]... parts) {
        var all = new java.io.ByteArrayOutputStream();
        for (var part : parts) {
            all.writeBytes(part);
        }
        return all.toByteArray();
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
                stream -> rewritten(stream, "muser-migration 1", "muser-migration 2"),
                "format 2, and this build reads format 1");
        assertRefused(stream -> rewritten(stream, "state 1 ", "state 2 "), "state has version 2");
        assertRefused(
                stream -> rewritten(stream, "outside 1", "outsidf 1"), "outsidf is not known");
    }

    /** Changes a text, and the checksums of its record. */
    private static byte[] rewritten(byte[] stream, String text, String other) {
        for (int start : recordStarts(stream)) {
            var bytes = MemorySegment.ofArray(stream);
            int length = bytes.get(ValueLayout.JAVA_INT_UNALIGNED, start + RECORD_LENGTH);
            var payload =
                    new String(
                            stream,
                            start + HEADER,
                            length,
                            java.nio.charset.StandardCharsets.ISO_8859_1);
            int at = payload.indexOf(text);
            if (at >= 0) {
                var copy = stream.clone();
                System.arraycopy(
                        other.getBytes(java.nio.charset.StandardCharsets.ISO_8859_1),
                        0,
                        copy,
                        start + HEADER + at,
                        other.length());
                var changed = MemorySegment.ofArray(copy);
                changed.set(
                        ValueLayout.JAVA_INT_UNALIGNED,
                        start + 40,
                        crc(copy, start + HEADER, length));
                changed.set(ValueLayout.JAVA_INT_UNALIGNED, start + 44, crc(copy, start, 44));
                return copy;
            }
        }
        throw new AssertionError("the stream has no '" + text + "'");
    }

    private static int crc(byte[] bytes, int from, int length) {
        var crc = new java.util.zip.CRC32C();
        crc.update(bytes, from, length);
        return (int) crc.getValue();
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
