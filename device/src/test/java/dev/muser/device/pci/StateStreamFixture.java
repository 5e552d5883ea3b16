package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.ManualLoop;
import dev.muser.device.Region;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;

/** Two ends of a migration, which the tests fill and compare. */
abstract class StateStreamFixture {
    static final int PAGE = 4096;

    final List<AutoCloseable> open = new ArrayList<>();
    final Arena arena = Arena.ofShared();

    final class End {
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
    final void close() throws Exception {
        for (var each : open) {
            each.close();
        }
        arena.close();
    }

    static void assertSame(End expected, End actual) {
        var other = actual.contents();
        expected.contents()
                .forEach((name, bytes) -> assertThat(other.get(name)).as(name).isEqualTo(bytes));
    }

    /** Fills a device with what is not the same twice. */
    static void fill(End end, long seed) {
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
}
