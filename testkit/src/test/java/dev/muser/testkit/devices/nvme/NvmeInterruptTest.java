package dev.muser.testkit.devices.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.DmaMemory;
import dev.muser.client.Interrupt;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.nvme.CompletionHandler;
import dev.muser.client.nvme.IoOpcode;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.QueuePair;
import dev.muser.device.Irq;
import dev.muser.devices.nvme.Doorbell;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.NullStorage;
import dev.muser.testkit.ServedDevice;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Interrupts of completion queues: none lost, and no more than were asked for. */
final class NvmeInterruptTest {
    private static final int QUEUES = 4;
    private static final int COALESCING = 8;
    private static final int VECTOR_CONFIGURATION = 9;
    private static final NvmeDriverOptions SLEEPING =
            NvmeDriverOptions.DEFAULTS
                    .withQueues(QUEUES)
                    .withMode(NvmeDriverOptions.Mode.INTERRUPT);

    private static Disk open() {
        return Disk.of(new NullStorage(1 << 20), 512, SLEEPING);
    }

    private static void flushes(QueuePair pair, int count) {
        for (int i = 0; i < count; i++) {
            pair.next().opcode(IoOpcode.FLUSH).nsid(1).cid(i);
        }
        pair.submit();
    }

    /** Bursts of any size by any queue; each time the driver sleeps until it is woken. */
    private static void work(NvmeDriver driver, int rounds) {
        var random = new Random(0x696e74);
        CompletionHandler ignore = c -> assertThat(c.status()).isZero();
        for (int round = 0; round < rounds; round++) {
            var queue = driver.queue(random.nextInt(QUEUES));
            int depth = 1 + random.nextInt(random.nextInt(4) == 0 ? 32 : 3);
            for (int i = 0; i < depth; i++) {
                queue.flush(i);
            }
            queue.kick();
            while (queue.inFlight() > 0) {
                queue.await(ignore);
            }
        }
    }

    @Test
    void shouldLoseNoInterrupt() {
        try (var disk = open()) {
            work(disk.driver, 5000);
        }
    }

    @ParameterizedTest
    @EnumSource(Doorbell.class)
    void shouldLoseNoInterruptBetweenThreads(Doorbell doorbell) {
        var options =
                NvmeOptions.of(
                        "TEST",
                        List.of(NamespaceOptions.of(new NullStorage(1 << 20), 512, "test")));
        try (var served = ServedDevice.start(ctx -> new Nvme(ctx, options.withDoorbell(doorbell)));
                var device = RemoteDevice.connect(served.socket());
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, SLEEPING)) {
            work(driver, 1000);
        }
    }

    @Test
    void shouldInterruptByTheVectorOfTheQueue() {
        try (var disk = open()) {
            var vectors = new Interrupt[QUEUES + 1];
            for (int i = 0; i <= QUEUES; i++) {
                vectors[i] = disk.function.interrupt(Irq.MSIX, i);
            }
            for (int round = 0; round < 20; round++) {
                int id = 1 + round % QUEUES;
                for (var vector : vectors) {
                    vector.poll();
                }
                var pair = disk.driver.queue(id - 1).pair();
                flushes(pair, 1);
                disk.await(pair.completions(), 1);
                for (int i = 0; i <= QUEUES; i++) {
                    assertThat(vectors[i].poll()).as("vector %d", i).isEqualTo(i == id ? 1 : 0);
                }
            }
        }
    }

    /** Of an attempt that takes longer than the time for which interrupts wait, nothing follows. */
    @Test
    void shouldInterruptWhenSoManyCompletionsWait() {
        try (var disk = open()) {
            int threshold = 4; // counted from 0
            int time = 255;
            disk.driver.admin().setFeature(COALESCING, 0, threshold - 1 | time << 8);
            var pair = disk.driver.queue(0).pair();
            var vector = disk.function.interrupt(Irq.MSIX, 1);
            boolean found = false;
            for (int attempt = 0; attempt < 100 && !found; attempt++) {
                disk.settle();
                vector.poll();
                long begin = System.nanoTime();
                flushes(pair, threshold - 1);
                disk.settle();
                long few = vector.poll();
                flushes(pair, 1);
                disk.settle();
                long enough = vector.poll();
                if (System.nanoTime() - begin < Duration.ofNanos(time * 100_000L).toNanos()) {
                    assertThat(few).isZero();
                    assertThat(enough).isEqualTo(1);
                    found = true;
                }
                disk.await(pair.completions(), threshold);
            }
            assertThat(found).as("an attempt in time").isTrue();
        }
    }

    @Test
    void shouldInterruptInTheEndForFewerCompletions() {
        try (var disk = open()) {
            disk.driver.admin().setFeature(COALESCING, 0, 255 | 1 << 8);
            work(disk.driver, 500);
        }
    }

    @Test
    void shouldNotCoalesceWhereThatIsOff() {
        try (var disk = open()) {
            disk.driver.admin().setFeature(COALESCING, 0, 255 | 255 << 8);
            disk.driver.admin().setFeature(VECTOR_CONFIGURATION, 0, 2 | 1 << 16);
            var pair = disk.driver.queue(1).pair();
            var vector = disk.function.interrupt(Irq.MSIX, 2);
            for (int i = 0; i < 5; i++) {
                vector.poll();
                flushes(pair, 1);
                disk.settle();
                assertThat(vector.poll()).isEqualTo(1);
                disk.await(pair.completions(), 1);
            }
        }
    }

    /** A queue whose completions raise INTx. */
    private static QueuePair lineQueue(Disk disk) {
        disk.freeQueue(2);
        var pair =
                new QueuePair(disk.driver.doorbells(), 2, 16, disk.function.dma(), DmaMemory.PAGES);
        disk.driver.admin().createCompletionQueue(pair.completions(), 0);
        disk.driver.admin().createSubmissionQueue(pair.submissions(), 0);
        return pair;
    }

    private static Disk openPolling() {
        return Disk.of(
                new NullStorage(1 << 20), 512, NvmeDriverOptions.DEFAULTS.withQueues(QUEUES));
    }

    private static void drain(Disk disk, Interrupt line) {
        disk.settle();
        line.poll();
        line.rearm();
        disk.settle();
        assertThat(line.poll()).isZero();
    }

    @Test
    void shouldKeepTheLineUpUntilAllCompletionsAreTaken() {
        try (var disk = openPolling()) {
            var line = disk.function.interrupt(Irq.INTX, 0);
            var pair = lineQueue(disk);
            drain(disk, line);
            for (int round = 0; round < 20; round++) {
                flushes(pair, 3);
                disk.settle();
                assertThat(line.poll()).isEqualTo(1);
                for (int left = 3; left > 0; left--) {
                    line.rearm();
                    assertThat(line.poll()).as("with %d left", left).isEqualTo(1);
                    assertThat(pair.completions().advance()).isTrue();
                    pair.completions().acknowledge();
                    disk.settle();
                }
                line.rearm();
                disk.settle();
                assertThat(line.poll()).isZero();
            }
        }
    }

    @Test
    void shouldHoldTheLineDownWhileItIsMasked() {
        try (var disk = openPolling()) {
            var line = disk.function.interrupt(Irq.INTX, 0);
            var pair = lineQueue(disk);
            var registers = disk.driver.registers();
            drain(disk, line);
            for (int round = 0; round < 5; round++) {
                registers.maskInterrupts(1);
                assertThat(registers.interruptMask()).isEqualTo(1);
                flushes(pair, 1);
                disk.settle();
                assertThat(line.poll()).isZero();
                registers.unmaskInterrupts(1);
                assertThat(registers.interruptMask()).isZero();
                assertThat(line.poll()).isEqualTo(1);
                registers.maskInterrupts(1); // as FreeBSD does while it works
                line.rearm();
                assertThat(line.poll()).isZero();
                disk.await(pair.completions(), 1);
                disk.settle();
                registers.unmaskInterrupts(1);
                line.rearm();
                assertThat(line.poll()).isZero();
            }
        }
    }
}
