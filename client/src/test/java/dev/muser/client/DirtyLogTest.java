package dev.muser.client;

import static dev.muser.client.FakeServer.FEATURE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.device.DirtyLog.Range;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** DEVICE_FEATURE DMA_LOGGING_*, as a client sends it. */
class DirtyLogTest {
    private static final int SET_START = 0x20006;
    private static final int SET_STOP = 0x20007;
    private static final int GET_REPORT = 0x10008;
    private static final int PROBE_START = 0x60006;

    private static void probed(FakeServer s) {
        var probe = s.expect(FEATURE);
        assertThat(probe.payload()).isEqualTo(Bytes.of().u32(8).u32(PROBE_START).array());
        s.reply(probe, probe.payload());
    }

    private static void echoed(FakeServer s, byte[] expected) {
        var message = s.expect(FEATURE);
        assertThat(message.payload()).isEqualTo(expected);
        s.reply(message, message.payload());
    }

    private static Bytes report(long argsz, long iova, long length, long pageSize) {
        return Bytes.of().u32(argsz).u32(GET_REPORT).u64(iova).u64(length).u64(pageSize);
    }

    @Test
    void shouldHaveNoLogWhereTheServerRefusesIt() {
        try (var server = FakeServer.negotiated(s -> s.error(s.expect(FEATURE), Errno.ENOTTY));
                var device = server.connect()) {
            assertThat(device.dirtyLog()).isNull();
            server.finish();
            assertThat(device.dirtyLog()).as("asked once").isNull();
        }
    }

    @Test
    void shouldLogAsGoldenBytes() {
        try (var server =
                        FakeServer.negotiated(s -> {
                            probed(s);
                            echoed(
                                    s,
                                    Bytes.of()
                                            .u32(56)
                                            .u32(SET_START)
                                            .u64(4096)
                                            .u32(2)
                                            .u32(0)
                                            .u64(0x1000)
                                            .u64(0x2000)
                                            .u64(-0x1000)
                                            .u64(0x1000)
                                            .array());
                            var asked = s.expect(FEATURE);
                            assertThat(asked.payload())
                                    .isEqualTo(report(40, 0x1000, 0x2000, 4096).array());
                            s.reply(asked, report(40, 0x1000, 0x2000, 4096).u64(0x2).array());
                            echoed(
                                    s,
                                    Bytes.of()
                                            .u32(24)
                                            .u32(SET_STOP)
                                            .u64(4096)
                                            .u32(0)
                                            .u32(0)
                                            .array());
                        });
                var device = server.connect()) {
            var log = Objects.requireNonNull(device.dirtyLog());
            assertThat(log.isOn()).isFalse();
            log.start(4096, List.of(new Range(0x1000, 0x2000), new Range(-0x1000, 0x1000)));
            assertThat(log.isOn()).isTrue();
            var bitmap = Arena.ofAuto().allocate(16);
            log.report(0x1000, 0x2000, 4096, bitmap, 8);
            assertThat(bitmap.get(ValueLayout.JAVA_LONG, 8)).isEqualTo(2);
            log.stop();
            log.stop(); // asks nothing
            assertThat(log.isOn()).isFalse();
            server.finish();
        }
    }

    /** No reply is longer than its receiver takes; the last part has what is left over. */
    @Test
    void shouldAskForALongRangeInParts() {
        long part = 1L << 30;
        long tail = 0x1800;
        try (var server =
                        FakeServer.negotiated(s -> {
                            probed(s);
                            for (int i = 0; i < 2; i++) {
                                long size = i == 0 ? part : tail;
                                int bitmap = i == 0 ? 1 << 15 : 8;
                                var asked = s.expect(FEATURE);
                                byte[] expected = report(32 + bitmap, i * part, size, 4096).array();
                                assertThat(asked.payload()).isEqualTo(expected);
                                var reply = report(32 + bitmap, i * part, size, 4096);
                                for (int b = 0; b < bitmap; b += 8) {
                                    reply.u64(b + i);
                                }
                                s.reply(asked, reply.array());
                            }
                        });
                var device = server.connect()) {
            var log = Objects.requireNonNull(device.dirtyLog());
            var bitmap = Arena.ofAuto().allocate((1 << 15) + 8);
            log.report(0, part + tail, 4096, bitmap, 0);
            assertThat(bitmap.get(ValueLayout.JAVA_LONG, 16)).isEqualTo(16);
            assertThat(bitmap.get(ValueLayout.JAVA_LONG, 1 << 15)).isEqualTo(1);
            server.finish();
        }
    }

    @Test
    void shouldAskForNothingThatCannotBe() {
        try (var server = FakeServer.negotiated(DirtyLogTest::probed);
                var device = server.connect()) {
            var log = Objects.requireNonNull(device.dirtyLog());
            var bitmap = Arena.ofAuto().allocate(8);
            server.finish();
            assertThatThrownBy(() -> log.report(0, 4096, 8192, bitmap, 0))
                    .isInstanceOf(VfioException.class);
            assertThatThrownBy(() -> log.report(0, 4096, 3, bitmap, 0))
                    .isInstanceOf(VfioException.class);
        }
    }

    @Test
    void shouldEndTheSessionUponAnAnswerToSomethingElse() {
        try (var server =
                        FakeServer.negotiated(s -> {
                            probed(s);
                            s.reply(
                                    s.expect(FEATURE),
                                    report(40, 0x1000, 0x1000, 4096).u64(1).array());
                        });
                var device = server.connect()) {
            var log = Objects.requireNonNull(device.dirtyLog());
            var bitmap = Arena.ofAuto().allocate(8);
            assertThatThrownBy(() -> log.report(0x2000, 0x1000, 4096, bitmap, 0))
                    .isInstanceOf(DisconnectedException.class)
                    .hasMessageContaining("DMA_LOGGING_REPORT reply of 40 bytes");
            server.finish();
        }
    }
}
