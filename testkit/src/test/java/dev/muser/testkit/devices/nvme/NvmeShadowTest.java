package dev.muser.testkit.devices.nvme;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.DmaMemory;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.nvme.AdminOpcode;
import dev.muser.client.nvme.CompletionHandler;
import dev.muser.client.nvme.Doorbells;
import dev.muser.client.nvme.IoOpcode;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.NvmeDriverOptions.Mode;
import dev.muser.client.nvme.Status;
import dev.muser.devices.nvme.Doorbell;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.MemoryStorage;
import dev.muser.testkit.ServedDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Doorbells in the driver's memory (NVMe base 1.4, 5.7 and B.5), and what an idle disk costs. */
final class NvmeShadowTest {
    private static final int QUEUES = 4;
    private static final NvmeDriverOptions SHADOWED =
            NvmeDriverOptions.DEFAULTS.withQueues(QUEUES).withShadowDoorbells(true);

    private static Disk open() {
        return Disk.inMemory(512, SHADOWED);
    }

    private static ServedDevice served(Doorbell doorbell) {
        var options =
                NvmeOptions.of(
                                "TEST",
                                List.of(
                                        NamespaceOptions.of(
                                                new MemoryStorage(Disk.SIZE), 512, "test")))
                        .withDoorbell(doorbell);
        return ServedDevice.start(ctx -> new Nvme(ctx, options));
    }

    /** Writes blocks and reads them again, in bursts by any queue, with pauses if so wished. */
    private static void work(PciFunction function, NvmeDriver driver, int rounds, long pause)
            throws InterruptedException {
        var random = new Random(0x736861);
        var buffer = function.dma().allocate(32 * 512);
        CompletionHandler ignore = c -> assertThat(c.status()).isZero();
        for (int round = 0; round < rounds; round++) {
            var queue = driver.queue(random.nextInt(QUEUES));
            int depth = 1 + random.nextInt(32);
            long lba = random.nextInt(1000);
            for (int step = 0; step < 2; step++) {
                for (int i = 0; i < depth; i++) {
                    long at = 512L * i;
                    if (step == 0) {
                        buffer.segment().set(JAVA_LONG, at, (long) round << 32 | i);
                        queue.write(lba + i, 1, buffer, at, i);
                    } else {
                        buffer.segment().set(JAVA_LONG, at, -1);
                        queue.read(lba + i, 1, buffer, at, i);
                    }
                }
                queue.kick();
                while (queue.inFlight() > 0) {
                    queue.await(ignore);
                }
            }
            for (int i = 0; i < depth; i++) {
                assertThat(buffer.segment().get(JAVA_LONG, 512L * i))
                        .isEqualTo((long) round << 32 | i);
            }
            if (pause > 0) {
                Thread.sleep(pause);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Mode.class)
    void shouldMoveDataInProcess(Mode mode) throws InterruptedException {
        try (var disk = Disk.inMemory(512, SHADOWED.withMode(mode))) {
            work(disk.function, disk.driver, 2000, 0);
            disk.driver.reset();
            work(disk.function, disk.driver, 200, 0);
        }
    }

    @ParameterizedTest
    @EnumSource(Doorbell.class)
    void shouldMoveDataBetweenThreads(Doorbell doorbell) throws InterruptedException {
        for (var mode : Mode.values()) {
            try (var served = served(doorbell);
                    var device = RemoteDevice.connect(served.socket());
                    var function = new PciFunction(device);
                    var driver = NvmeDriver.open(function, SHADOWED.withMode(mode))) {
                work(function, driver, 300, 0);
            }
        }
    }

    /** Each round finds the controller asleep, or about to be. */
    @Test
    void shouldHearOfCommandsAfterAPause() throws InterruptedException {
        try (var served = served(Doorbell.MESSAGES);
                var device = RemoteDevice.connect(served.socket());
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, SHADOWED)) {
            long before = rings(served);
            work(function, driver, 100, 3);
            assertThat(rings(served)).isGreaterThan(before);
        }
    }

    private static long rings(ServedDevice served) {
        return served.writes().stream()
                .filter(w -> w.offset() >= Doorbells.START && w.offset() < Doorbells.START + 4096)
                .count();
    }

    @Test
    void shouldSleepWhileThereIsNothingToDo() throws Exception {
        for (boolean shadow : new boolean[] {true, false}) {
            try (var served = served(Doorbell.MESSAGES);
                    var device = RemoteDevice.connect(served.socket());
                    var function = new PciFunction(device);
                    var driver = NvmeDriver.open(function, SHADOWED.withShadowDoorbells(shadow))) {
                work(function, driver, 10, 0);
                Path status = loopThread();
                long switches = switches(status);
                for (long last = -1; last != switches; ) { // until it sleeps
                    last = switches;
                    Thread.sleep(200);
                    switches = switches(status);
                }
                Thread.sleep(1000);
                assertThat(switches(status)).as("times it slept anew").isEqualTo(switches);
                work(function, driver, 10, 0);
            }
        }
    }

    /** Returns the status of the thread that serves, which is called as {@link ServedDevice} is. */
    private static Path loopThread() throws IOException {
        try (var tasks = Files.list(Path.of("/proc/self/task"))) {
            for (var task : tasks.toList()) {
                if (Files.readString(task.resolve("comm")).strip().equals("served-device")) {
                    return task.resolve("status");
                }
            }
        }
        throw new AssertionError("there is no thread that serves");
    }

    private static long switches(Path status) throws IOException {
        for (var line : Files.readAllLines(status)) {
            if (line.startsWith("voluntary_ctxt_switches")) {
                return Long.parseLong(line.substring(line.indexOf(':') + 1).strip());
            }
        }
        throw new AssertionError("no count of switches in " + status);
    }

    @Test
    void shouldGiveUpWhenItsDoorbellsGo() {
        try (var disk = open()) {
            var pages = disk.buffer(8192, DmaMemory.PAGES);
            assertThat(
                            disk.admin(
                                    AdminOpcode.DOORBELL_BUFFER_CONFIG,
                                    e -> e.prp1(pages.iova()).prp2(pages.iova(4096))))
                    .isZero();
            pages.close();
            disk.driver.doorbells().writeRegister(1, false, 1);
            disk.serveUntil(disk::isFatal);
            disk.driver.reset();
            assertThat(disk.status(e -> e.opcode(IoOpcode.FLUSH).nsid(1))).isZero();
        }
    }

    @Test
    void shouldRefuseDoorbellsThatItCannotSee() throws InterruptedException {
        try (var disk = open()) {
            var shared = disk.buffer(8192, DmaMemory.PAGES);
            var hidden = disk.buffer(4096, DmaMemory.MESSAGES);
            assertThat(
                            disk.admin(
                                    AdminOpcode.DOORBELL_BUFFER_CONFIG,
                                    e -> e.prp1(shared.iova()).prp2(shared.iova(4092))))
                    .isEqualTo(Status.INVALID_PRP_OFFSET);
            assertThat(
                            disk.admin(
                                    AdminOpcode.DOORBELL_BUFFER_CONFIG,
                                    e -> e.prp1(shared.iova()).prp2(hidden.iova())))
                    .isEqualTo(Status.INVALID_FIELD);
            // the ones that it has are still those of before
            work(disk.function, disk.driver, 100, 0);
        }
    }
}
