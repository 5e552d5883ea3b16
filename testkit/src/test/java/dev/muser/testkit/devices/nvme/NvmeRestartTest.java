package dev.muser.testkit.devices.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.DmaMemory;
import dev.muser.client.PciFunction;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.device.ClientKind;
import dev.muser.device.DmaAccess;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.MemoryStorage;
import dev.muser.devices.storage.Storage;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A driver does not know that the process of its disk dies again and again. */
final class NvmeRestartTest {
    private static final int EXTENTS = 256;
    private static final long SIZE = (long) EXTENTS * StormLane.BLOCKS * 512;
    private static final int ROUNDS = Integer.getInteger("muser.restart.rounds", 3000);

    /** Added to the seeds below. */
    private static final long MORE_SEEDS = Long.getLong("muser.restart.seed", 0);

    private static final long PATIENCE = 20_000_000_000L;

    /** How the driver and its disk speak. */
    enum Way {
        MAPPED,
        MESSAGES,
        SHADOW,
        PRIVATE,
        SLOW_PRIVATE
    }

    private static NvmeDriverOptions driverOptions(Way way, int queues, int depth) {
        var options =
                NvmeDriverOptions.DEFAULTS.withQueues(queues).withDepth(depth).withAsyncEvents(3);
        return switch (way) {
            case SHADOW -> options.withShadowDoorbells(true);
            case PRIVATE, SLOW_PRIVATE -> options.withMemory(DmaMemory.MESSAGES);
            default -> options;
        };
    }

    @ParameterizedTest(name = "{0}, {1} queues of {2}, slow {3}, seed {4}")
    @CsvSource({
        "MAPPED, 1, 3, false, 1",
        "MAPPED, 2, 32, false, 2",
        "MAPPED, 3, 8, true, 3",
        "MESSAGES, 2, 16, true, 4",
        "MESSAGES, 1, 64, false, 5",
        "SHADOW, 2, 16, true, 6",
        "PRIVATE, 2, 8, false, 7",
        "SLOW_PRIVATE, 2, 8, true, 8",
    })
    void shouldCompleteEachCommandOnce(Way way, int queues, int depth, boolean slow, long seed) {
        var random = new Random(seed + MORE_SEEDS);
        try (var disk = disk(random, slow)) {
            disk.kind(way == Way.MAPPED ? ClientKind.UNKNOWN : ClientKind.VIRTUAL_MACHINE);
            disk.slowMessages = way == Way.SLOW_PRIVATE;
            try (var function = new PciFunction(disk)) {
                var driver = NvmeDriver.open(function, driverOptions(way, queues, depth));
                var kind = way.name().endsWith("PRIVATE") ? DmaMemory.MESSAGES : DmaMemory.PAGES;
                storm(disk, function, driver, depth, kind, random);
                driver.close();
            }
            assertThat(disk.deaths()).isGreaterThan(ROUNDS / 20);
        }
    }

    private static RestartableDisk disk(Random random, boolean slow) {
        var fuse = new RestartableDisk[1];
        Runnable step =
                () -> {
                    if (fuse[0] != null) {
                        fuse[0].fuse.step();
                    }
                };
        fuse[0] =
                new RestartableDisk(
                        store -> {
                            Storage memory = new MemoryStorage(SIZE, store);
                            var storage = slow ? new ShuffledStorage(memory, random, step) : memory;
                            return List.of(NamespaceOptions.of(storage, 512, "storm"));
                        },
                        namespaces -> NvmeOptions.of("STORM", namespaces).withQueues(8));
        return fuse[0];
    }

    private static void storm(
            RestartableDisk disk,
            PciFunction function,
            NvmeDriver driver,
            int depth,
            DmaMemory kind,
            Random random) {
        var model = new StormModel(EXTENTS);
        List<StormLane> lanes = new ArrayList<>();
        for (var queue : driver.queues()) {
            var buffer =
                    function.dma()
                            .allocate(StormLane.bufferSize(depth), DmaAccess.READ_WRITE, kind);
            lanes.add(new StormLane(queue.pair(), depth, random, model, buffer));
        }
        var admin = new StormAdmin(driver, random);
        for (int round = 0; round < ROUNDS; round++) {
            if (!disk.fuse.isLit() && random.nextInt(4) == 0) {
                disk.fuse.light(1 + random.nextInt(1 << random.nextInt(10)));
            }
            var lane = lanes.get(random.nextInt(lanes.size()));
            switch (random.nextInt(20)) {
                case 0 -> admin.act();
                case 1 -> disk.die();
                case 2, 3, 4, 5 -> disk.serve();
                case 6, 7, 8, 9 -> lane.poll();
                default -> lane.submit();
            }
            admin.look();
        }
        drain(disk, lanes);
        admin.check();
    }

    private static void drain(RestartableDisk disk, List<StormLane> lanes) {
        lanes.forEach(StormLane::ring);
        long end = System.nanoTime() + PATIENCE;
        for (var lane : lanes) {
            while (lane.inFlight() > 0) {
                if (!lane.poll()) {
                    disk.serve();
                    assertThat(System.nanoTime()).as("%d left", lane.inFlight()).isLessThan(end);
                }
            }
            assertThat(lane.completed()).isPositive();
        }
    }
}
