package dev.muser.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.device.Region;
import dev.muser.device.VfioException;
import dev.muser.linux.Fd;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** BAR 0 of 0x3000 bytes, whose page at 0x1000 can be mapped: it lies at 0x2000 of a file. */
class BarViewTest {
    private static void describe(FakeServer s, int flags, Fd file) {
        var first = s.expect(FakeServer.GET_REGION_INFO);
        s.reply(first, Bytes.of().u32(64).u32(flags).u32(0).u32(0).u64(0x3000).u64(0x1000).array());
        s.reply(
                s.expect(FakeServer.GET_REGION_INFO),
                Bytes.of()
                        .u32(64)
                        .u32(flags | 8)
                        .u32(0)
                        .u32(32)
                        .u64(0x3000)
                        .u64(0x1000)
                        .u16(1)
                        .u16(1)
                        .u32(0)
                        .u32(1)
                        .u32(0)
                        .u64(0x1000)
                        .u64(0x1000)
                        .array(),
                List.of(file));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldGoStraightToMemoryWhereItIsMapped(boolean sealed) {
        OpenDescriptors.assertNoneLeak(() -> {
            try (var file = MemoryFile.create("test", 0x3000);
                    var other = Mapping.confined(file, 0x2000, 0x1000, Mapping.Access.READ_WRITE)) {
                if (sealed) {
                    MemoryFile.seal(file, MemoryFile.SEAL_SHRINK);
                }
                var memory = other.segment();
                try (var server = FakeServer.negotiated(s -> describe(s, 7, file));
                        var device = server.connect();
                        var bar = new BarView(device, Region.BAR0)) {
                    server.finish(); // so that nothing below can be a message
                    assertThat(bar.size()).isEqualTo(0x3000);
                    assertThat(bar.isMapped(0x1000)).isTrue();
                    assertThat(bar.isMapped(0xfff)).isFalse();
                    assertThat(bar.isMapped(0x2000)).isFalse();
                    memory.set(ValueLayout.JAVA_LONG, 8, 0xfedcba9876543210L);
                    assertThat(bar.read64(0x1008)).isEqualTo(0xfedcba9876543210L);
                    assertThat(bar.read32(0x100c)).isEqualTo(0xfedcba98);
                    assertThat(bar.read16(0x100e)).isEqualTo(0xfedc);
                    assertThat(bar.read8(0x100f)).isEqualTo(0xfe);
                    bar.write64(0x1010, 0x1122334455667788L);
                    bar.write32(0x1010, 0x55667799);
                    bar.write16(0x1014, 0x33aa);
                    bar.write8(0x1017, 0xbb);
                    assertThat(memory.get(ValueLayout.JAVA_LONG, 0x10))
                            .isEqualTo(0xbb2233aa55667799L);
                }
            }
        });
    }

    @Test
    void shouldGoByMessageElsewhere() {
        try (var file = MemoryFile.create("test", 0x3000);
                var server =
                        FakeServer.negotiated(s -> {
                            describe(s, 7, file);
                            // outside the area, across its end, not aligned
                            for (long offset : new long[] {0, 0x1ffd, 0x1001}) {
                                var read = s.expect(FakeServer.REGION_READ);
                                assertThat(read.body().getLong(0)).isEqualTo(offset);
                                s.replyRead(read, new byte[] {4, 3, 2, 1});
                            }
                            var write = s.expect(FakeServer.REGION_WRITE);
                            assertThat(write.payload()).endsWith(4, 3, 2, 1);
                            s.reply(write, Arrays.copyOf(write.payload(), 16));
                        });
                var device = server.connect();
                var bar = new BarView(device, Region.BAR0)) {
            assertThat(bar.read32(0)).isEqualTo(0x01020304);
            assertThat(bar.read32(0x1ffd)).isEqualTo(0x01020304);
            assertThat(bar.read32(0x1001)).isEqualTo(0x01020304);
            bar.write32(0x2ffc, 0x01020304);
            server.finish();
        }
    }

    @Test
    void shouldNotWriteToAReadOnlyMapping() {
        try (var file = MemoryFile.create("test", 0x3000);
                var server =
                        FakeServer.negotiated(s -> {
                            describe(s, 5, file);
                            s.error(s.expect(FakeServer.REGION_WRITE), 22);
                        });
                var device = server.connect();
                var bar = new BarView(device, Region.BAR0)) {
            assertThat(bar.read32(0x1000)).isZero();
            assertThatThrownBy(() -> bar.write32(0x1000, 1)).isInstanceOf(VfioException.class);
            server.finish();
        }
    }

    @Test
    void shouldRefuseAnAreaThatItsFileDoesNotHave() {
        OpenDescriptors.assertNoneLeak(() -> {
            try (var file = MemoryFile.create("test", 0x2fff);
                    var server = FakeServer.negotiated(s -> describe(s, 7, file));
                    var device = server.connect()) {
                assertThatThrownBy(() -> new BarView(device, Region.BAR0))
                        .isInstanceOf(VfioException.class)
                        .hasMessageContaining("ends beyond its file of 0x2fff bytes");
                server.finish();
            }
        });
    }

    @Test
    void shouldSurviveAServerThatCutsItsMemoryShort() {
        try (var file = MemoryFile.create("test", 0x3000);
                var server = FakeServer.negotiated(s -> describe(s, 7, file));
                var device = server.connect();
                var bar = new BarView(device, Region.BAR0)) {
            server.finish();
            assertThat(bar.read32(0x1000)).isZero();
            MemoryFile.resize(file, 0);
            assertThatThrownBy(() -> bar.read32(0x1000))
                    .isInstanceOf(DisconnectedException.class)
                    .hasMessageContaining("has cut its mapped memory short");
            assertThatThrownBy(() -> bar.write64(0x1008, 1))
                    .isInstanceOf(DisconnectedException.class);
        }
    }
}
