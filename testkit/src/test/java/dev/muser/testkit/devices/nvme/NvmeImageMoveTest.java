package dev.muser.testkit.devices.nvme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.client.DeviceMigration;
import dev.muser.client.DmaMemory;
import dev.muser.client.MigrationException;
import dev.muser.client.MovableDevice;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.device.Migration;
import dev.muser.device.MigrationState;
import dev.muser.device.VfioException;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.FileOptions;
import dev.muser.devices.storage.FileStorage;
import dev.muser.devices.storage.StorageException;
import dev.muser.linux.Errno;
import dev.muser.testkit.ForwardingDevice;
import dev.muser.testkit.ServedDevice;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A disk on an image moves between servers, of which one at a time has the image. */
@Timeout(120)
class NvmeImageMoveTest {
    private static final int SIZE = 8 << 20;
    private static final NvmeDriverOptions DRIVER = NvmeDriverOptions.DEFAULTS.withQueues(1);

    private final List<ServedDevice> servers = new ArrayList<>();

    @TempDir private Path folder = Path.of("");
    private Path image = Path.of("");

    @BeforeEach
    void makeImage() throws IOException {
        image = Files.write(folder.resolve("disk.img"), new byte[SIZE]);
    }

    @AfterEach
    void close() {
        servers.forEach(ServedDevice::close);
    }

    private ServedDevice serve(String serial, FileOptions file) {
        var storage = FileStorage.open(image, file);
        var namespaces = List.of(NamespaceOptions.of(storage, 512, "test"));
        var options = NvmeOptions.of(serial, namespaces).withIncoming(file.incoming());
        var server = ServedDevice.start(ctx -> new Nvme(ctx, options));
        servers.add(server);
        return server;
    }

    private ServedDevice source() {
        return serve("TEST", FileOptions.DEFAULT);
    }

    private ServedDevice target() {
        return serve("TEST", FileOptions.DEFAULT.withIncoming(true));
    }

    private FileStorage third() {
        return FileStorage.open(image, FileOptions.DEFAULT);
    }

    private void assertLocked() {
        assertThatThrownBy(this::third)
                .isInstanceOf(StorageException.class)
                .hasMessageContaining("disk.img is locked");
    }

    private static RemoteDevice connect(ServedDevice server) {
        return RemoteDevice.connect(server.socket());
    }

    private interface Use {
        void with(MovableDevice device, NvmeDriver driver, VerifiedLoad load);
    }

    private static void drive(ServedDevice server, Use use) {
        var device = new MovableDevice(connect(server));
        try (device;
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, DRIVER)) {
            var load = new VerifiedLoad(driver.queue(0), function, DmaMemory.PAGES, 0);
            VerifiedLoad.work(driver, List.of(load), 100);
            use.with(device, driver, load);
            VerifiedLoad.work(driver, List.of(load), 100);
            VerifiedLoad.drain(driver, List.of(load));
        }
    }

    static Stream<FileOptions> files() {
        return Stream.of(
                FileOptions.DEFAULT,
                FileOptions.DEFAULT.withEngine(FileOptions.Engine.THREADS),
                FileOptions.DEFAULT.withDirect(true));
    }

    @ParameterizedTest
    @MethodSource("files")
    void shouldMoveToAndFroUnderLoadWithoutAnError(FileOptions file) {
        var incoming = file.withIncoming(true);
        var places = List.of(serve("TEST", file), serve("TEST", incoming), serve("TEST", incoming));
        var device = new MovableDevice(connect(places.getFirst()));
        var options = DRIVER.withQueues(2).withDepth(32);
        int underWay = 0;
        try (device;
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, options)) {
            var loads = new ArrayList<VerifiedLoad>();
            for (int i = 0; i < driver.queues().size(); i++) {
                loads.add(new VerifiedLoad(driver.queue(i), function, DmaMemory.PAGES, i));
            }
            for (int move = 1; move <= 7; move++) {
                VerifiedLoad.work(driver, loads, 300);
                assertLocked();
                var moving = device.begin(connect(places.get(move % places.size())));
                assertThat(moving.copyEarly()).isPositive();
                VerifiedLoad.work(driver, loads, 100);
                loads.forEach(VerifiedLoad::step);
                underWay += loads.stream().mapToInt(VerifiedLoad::inFlight).sum();
                moving.finish();
                assertLocked();
            }
            VerifiedLoad.work(driver, loads, 300);
            VerifiedLoad.drain(driver, loads);
        }
        assertThat(underWay).as("commands in flight when the disk moved").isPositive();
    }

    @Test
    void shouldGoOnWithItsImageWhenTheTargetRefusesWhatComes() {
        var from = source();
        var to = serve("OTHER", FileOptions.DEFAULT.withIncoming(true));
        drive(
                from,
                (device, driver, load) -> {
                    assertThatThrownBy(() -> device.moveTo(connect(to)))
                            .isInstanceOf(MigrationException.class)
                            .hasMessageContaining("the source runs on");
                    assertLocked();
                });
    }

    @Test
    void shouldTakeItsImageBackWhenItGoesOn() {
        drive(
                source(),
                (device, driver, load) -> {
                    load.step();
                    var source = Objects.requireNonNull(device.migration());
                    source.moveTo(MigrationState.STOP_COPY);
                    third().close();
                    source.moveTo(MigrationState.STOP);
                    third().close();
                    source.moveTo(MigrationState.RUNNING);
                    assertLocked();
                });
    }

    /** Of which one program takes the image before it goes on. */
    private final class Robbed extends ForwardingDevice {
        private @Nullable FileStorage thief;

        Robbed(RemoteDevice device) {
            super(device);
        }

        @Override
        public Migration migration() {
            var real = Objects.requireNonNull(super.migration());
            return new Migration() {
                @Override
                public boolean preCopy() {
                    return real.preCopy();
                }

                @Override
                public MigrationState state() {
                    return real.state();
                }

                @Override
                public void moveTo(MigrationState state) {
                    if (state == MigrationState.RUNNING) {
                        thief = third();
                    }
                    real.moveTo(state);
                }

                @Override
                public int read(MemorySegment buffer, long at, int count) {
                    return real.read(buffer, at, count);
                }

                @Override
                public void write(MemorySegment buffer, long at, int count) {
                    real.write(buffer, at, count);
                }
            };
        }
    }

    @Test
    void shouldStayStoppedWhileAThirdHasTheImageAndGoOnAfterwards() {
        var to = target();
        drive(
                source(),
                (device, driver, load) -> {
                    load.step();
                    var target = connect(to);
                    try (var robbed = new Robbed(target)) {
                        target.attach(null);
                        var moving = DeviceMigration.begin(device, robbed);
                        assertThatThrownBy(moving::finish)
                                .isInstanceOf(MigrationException.class)
                                .hasMessageContaining("the target refuses what came: ")
                                .hasMessageContaining("; the source does not run on: ")
                                .hasMessageContaining("EBUSY");
                        var source = Objects.requireNonNull(device.migration());
                        assertThat(source.state()).isEqualTo(MigrationState.STOP);
                        assertThatThrownBy(() -> source.moveTo(MigrationState.RUNNING))
                                .isInstanceOfSatisfying(
                                        VfioException.class,
                                        e -> assertThat(e.errno()).isEqualTo(Errno.EBUSY));
                        Objects.requireNonNull(robbed.thief).close();
                        source.moveTo(MigrationState.RUNNING);
                        assertLocked();
                    }
                });
    }

    private static void assertNoDriverGetsIn(ServedDevice server) {
        try (var device = connect(server);
                var function = new PciFunction(device)) {
            assertThatThrownBy(() -> NvmeDriver.open(function, DRIVER))
                    .hasMessageContaining("controller status 0x2");
        }
    }

    @Test
    void shouldNotLetADriverInBeforeADiskHasMovedIn() throws IOException {
        var to = target();
        assertNoDriverGetsIn(to);
        third().close(); // nothing has locked it
        drive(
                source(),
                (device, driver, load) -> {
                    var moving = device.begin(connect(to));
                    moving.copyEarly();
                    moving.cancel();
                });
        var after = Files.readAllBytes(image);
        assertNoDriverGetsIn(to);
        assertThat(Files.readAllBytes(image)).isEqualTo(after);
    }

    @Test
    void shouldTakeItsImageBackForADriverWhenNobodyElseHasIt() {
        var from = source();
        var to = target();
        drive(from, (device, driver, load) -> device.moveTo(connect(to)));
        assertNoDriverGetsIn(from);
        assertLocked(); // by the target
        servers.remove(to);
        to.close();
        drive(from, (device, driver, load) -> assertLocked());
    }

    /** Who else could say whether the far side runs? */
    @Test
    void shouldNotTakeItsImageBackWhenItsClientIsLost() {
        var from = source();
        try (var device = connect(from)) {
            device.attach(null);
            Objects.requireNonNull(device.migration()).moveTo(MigrationState.STOP_COPY);
        }
        try (var device = connect(from)) { // so the session before is over
            device.attach(null);
            assertThat(Objects.requireNonNull(device.migration()).state())
                    .isEqualTo(MigrationState.RUNNING);
            third().close();
        }
        drive(from, (device, driver, load) -> assertLocked());
    }
}
