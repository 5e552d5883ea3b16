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
import dev.muser.device.MigrationState;
import dev.muser.device.VfioException;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.MemoryStorage;
import dev.muser.linux.Errno;
import dev.muser.testkit.ServedDevice;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A disk moves between servers while its driver has commands under way, and nothing is lost. */
@Timeout(120)
class NvmeMigrationTest {
    private static final int SIZE = 8 << 20;

    private final List<ServedDevice> servers = new ArrayList<>();

    private ServedDevice serve(String serial) {
        var server =
                ServedDevice.start(ctx ->
                        new Nvme(
                                ctx,
                                NvmeOptions.of(
                                        serial,
                                        List.of(
                                                NamespaceOptions.of(
                                                        new MemoryStorage(SIZE), 512, "test")))));
        servers.add(server);
        return server;
    }

    @AfterEach
    void close() {
        servers.forEach(ServedDevice::close);
    }

    static Stream<NvmeDriverOptions> drivers() {
        var polling =
                NvmeDriverOptions.DEFAULTS
                        .withQueues(2)
                        .withDepth(32)
                        .withMode(NvmeDriverOptions.Mode.POLLING);
        return Stream.of(
                polling,
                polling.withShadowDoorbells(true),
                polling.withMemory(DmaMemory.MESSAGES),
                polling.withMode(NvmeDriverOptions.Mode.INTERRUPT));
    }

    @ParameterizedTest
    @MethodSource("drivers")
    void shouldMoveADiskUnderLoadWithoutAnError(NvmeDriverOptions options) {
        var places = List.of(serve("TEST"), serve("TEST"), serve("TEST"));
        var device = new MovableDevice(RemoteDevice.connect(places.getFirst().socket()));
        int underWay = 0;
        try (device;
                var function = new PciFunction(device)) {
            var driver = NvmeDriver.open(function, options);
            var loads = new ArrayList<VerifiedLoad>();
            for (int i = 0; i < driver.queues().size(); i++) {
                loads.add(new VerifiedLoad(driver.queue(i), function, options.memory(), i));
            }
            assertThat(loads).hasSize(2);
            for (int move = 1; move <= 9; move++) {
                VerifiedLoad.work(driver, loads, 300);
                var moving =
                        device.begin(
                                RemoteDevice.connect(places.get(move % places.size()).socket()));
                for (int pass = 0; pass < 3; pass++) {
                    assertThat(moving.copyEarly()).isPositive();
                    VerifiedLoad.work(driver, loads, 100);
                }
                loads.forEach(VerifiedLoad::step);
                underWay += loads.stream().mapToInt(load -> load.inFlight()).sum();
                var report = moving.finish();
                assertThat(report.lateBytes()).isPositive();
                assertThat(report.earlyBytes()).isGreaterThan(report.lateBytes());
            }
            VerifiedLoad.work(driver, loads, 300);
            // and the admin queue, with its interrupts and events
            assertThat(driver.admin().identifyController().serial().strip()).isEqualTo("TEST");
            VerifiedLoad.drain(driver, loads);
            driver.close();
        }
        assertThat(underWay).as("commands in flight when the disk moved").isPositive();
    }

    @Test
    void shouldLeaveTheDiskWhereItIsWhenTheTargetIsAnother() {
        var from = serve("TEST");
        var other = serve("OTHER");
        var device = new MovableDevice(RemoteDevice.connect(from.socket()));
        try (device;
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, NvmeDriverOptions.DEFAULTS.withQueues(1))) {
            var load = new VerifiedLoad(driver.queue(0), function, DmaMemory.PAGES, 0);
            VerifiedLoad.work(driver, List.of(load), 100);
            var target = RemoteDevice.connect(other.socket());
            assertThatThrownBy(() -> device.moveTo(target))
                    .isInstanceOf(MigrationException.class)
                    .hasMessageContaining("the target refuses what came")
                    .hasMessageContaining("the source runs on");
            VerifiedLoad.work(driver, List.of(load), 100);
            VerifiedLoad.drain(driver, List.of(load));
        }
    }

    @Test
    void shouldLeaveTheDiskWhereItIsWhenTheTargetDies() {
        var from = serve("TEST");
        var other = serve("TEST");
        var device = new MovableDevice(RemoteDevice.connect(from.socket()));
        try (device;
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, NvmeDriverOptions.DEFAULTS.withQueues(1))) {
            var load = new VerifiedLoad(driver.queue(0), function, DmaMemory.PAGES, 0);
            VerifiedLoad.work(driver, List.of(load), 100);
            var move = device.begin(RemoteDevice.connect(other.socket()));
            assertThat(move.copyEarly()).isPositive();
            other.close();
            servers.remove(other);
            load.step();
            assertThatThrownBy(move::finish).isInstanceOf(RuntimeException.class);
            VerifiedLoad.work(driver, List.of(load), 100);
            VerifiedLoad.drain(driver, List.of(load));
        }
    }

    @Test
    void shouldMoveTheBytesOfAMemoryDiskThatNobodyUses() {
        var from = serve("TEST");
        var to = serve("TEST");
        try (var device = RemoteDevice.connect(from.socket());
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, NvmeDriverOptions.DEFAULTS)) {
            var buffer = function.dma().allocate(4096);
            buffer.segment().fill((byte) 0x77);
            driver.sync(driver.namespaces().getFirst()).write(1000, 8, buffer, 0);
        }
        try (var source = RemoteDevice.connect(from.socket());
                var target = RemoteDevice.connect(to.socket())) {
            source.attach(null);
            target.attach(null);
            var migration = DeviceMigration.begin(source, target);
            assertThat(migration.copyEarly()).isBetween(4096L, 1L << 20);
            migration.finish();
            assertThat(Objects.requireNonNull(source.migration()).state())
                    .isEqualTo(MigrationState.STOP);
            assertThat(Objects.requireNonNull(target.migration()).state())
                    .isEqualTo(MigrationState.RUNNING);
        }
        try (var device = RemoteDevice.connect(to.socket());
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, NvmeDriverOptions.DEFAULTS)) {
            var buffer = function.dma().allocate(4096);
            driver.sync(driver.namespaces().getFirst()).read(1000, 8, buffer, 0);
            assertThat(buffer.segment().toArray(ValueLayout.JAVA_BYTE)).containsOnly(0x77);
        }
    }

    /** What a storage has under way is over before another process serves it. */
    @Test
    void shouldWaitForTheStorageBeforeItStops() {
        var storage = new HeldStorage(SIZE, 512, false, false);
        try (var disk =
                Disk.of(
                        storage,
                        512,
                        NvmeDriverOptions.DEFAULTS.withMode(NvmeDriverOptions.Mode.POLLING))) {
            var migration = Objects.requireNonNull(disk.device.migration());
            storage.holding = List.of(dev.muser.devices.storage.StorageOperation.WRITE);
            var queue = disk.driver.queue(0);
            queue.write(0, 8, disk.data(), 0, 1);
            queue.write(8, 8, disk.data(), 0, 2);
            queue.kick();
            disk.settle();
            assertThat(storage.held).hasSize(2);
            assertThat(migration.prepare(MigrationState.STOP)).isFalse();
            queue.write(16, 8, disk.data(), 0, 3);
            queue.kick();
            disk.settle();
            assertThat(storage.held).as("nothing new begins").hasSize(2);
            assertThatThrownBy(() -> migration.moveTo(MigrationState.STOP))
                    .isInstanceOfSatisfying(
                            VfioException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EBUSY));
            disk.settle();
            assertThat(storage.held).as("it goes on").hasSize(3);

            assertThat(migration.prepare(MigrationState.STOP)).isFalse();
            storage.release();
            assertThat(migration.prepare(MigrationState.STOP)).isTrue();
            migration.moveTo(MigrationState.STOP);
            var after = new ArrayList<Long>();
            disk.settle();
            queue.poll(completion -> after.add(completion.cookie()));
            assertThat(after).as("posted by a device that stands still").isEmpty();
            migration.moveTo(MigrationState.RUNNING);
            disk.settle();
            queue.poll(completion -> after.add(completion.cookie()));
            assertThat(after).containsExactlyInAnyOrder(1L, 2L, 3L);
        }
    }
}
