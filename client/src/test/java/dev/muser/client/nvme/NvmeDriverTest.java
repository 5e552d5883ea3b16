package dev.muser.client.nvme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.client.DmaBuffer;
import dev.muser.client.Edu;
import dev.muser.client.OpenDescriptors;
import dev.muser.client.PciFunction;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The driver on a controller that believes it everything. */
class NvmeDriverTest {
    private static final NvmeDriverOptions OPTIONS = NvmeDriverOptions.DEFAULTS;

    private interface Body {
        void run(FakeController device, PciFunction function, NvmeDriver driver);
    }

    private static void drive(FakeController device, NvmeDriverOptions options, Body body) {
        try (device;
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, options)) {
            body.run(device, function, driver);
        }
    }

    @ParameterizedTest
    @EnumSource(FakeController.Way.class)
    void shouldBringUpUseAndShutDownAController(FakeController.Way way) {
        OpenDescriptors.assertNoneLeak(() -> {
            var device = new FakeController(way, 4);
            if (way == FakeController.Way.THREAD) {
                device.start(() -> {});
            }
            drive(
                    device,
                    OPTIONS.withQueues(3),
                    (fake, function, driver) -> {
                        assertThat(fake.cc()).isEqualTo(0x00460001);
                        assertThat(driver.info().serial()).isEqualTo("S1");
                        assertThat(driver.info().model()).isEqualTo("Fake disk");
                        assertThat(driver.info().subsystem()).isEqualTo("nqn.2026-01.example:fake");
                        assertThat(driver.queues()).hasSize(3);
                        assertThat(driver.namespaces()).hasSize(1);
                        var namespace = driver.namespaces().getFirst();
                        assertThat(namespace.blocks()).isEqualTo(FakeQueues.BLOCKS);
                        assertThat(namespace.blockSize()).isEqualTo(512);
                        assertThat(namespace.zeroesWhenDeallocated()).isTrue();
                        assertThat(namespace.uuid()).isEqualTo("ab".repeat(16));
                        exercise(driver, function.dma().allocate(1 << 20));
                    });
            assertThat(device.cc()).as("disabled").isEqualTo(0x00460000);
            assertThat(device.memory.count()).isZero();
        });
    }

    @Test
    void shouldUseSglsWhenAsked() {
        var device = new FakeController(FakeController.Way.MESSAGES, 0);
        drive(
                device,
                OPTIONS.withSgl(true),
                (fake, function, driver) -> exercise(driver, function.dma().allocate(1 << 20)));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 8})
    void shouldSleepUntilInterrupted(int vectors) {
        var options = OPTIONS.withQueues(3).withMode(NvmeDriverOptions.Mode.INTERRUPT);
        drive(
                new FakeController(FakeController.Way.SERVED, vectors),
                options,
                (fake, function, driver) -> {
                    exercise(driver, function.dma().allocate(1 << 20));
                    assertThat(fake.writes.contains("UNMASK")).isEqualTo(vectors == 0);
                });
    }

    /** Data of several shapes there and back, and each of the simple calls. */
    private static void exercise(NvmeDriver driver, DmaBuffer buffer) {
        var io = driver.sync(driver.namespaces().getFirst());
        var data = new byte[1 << 20];
        new Random(5).nextBytes(data);
        var heap = MemorySegment.ofArray(data);
        for (int blocks : new int[] {1, 8, 9, 16, 17, 1000}) {
            for (int offset : new int[] {0, 4, 512, 4092, 8192}) {
                int size = blocks * 512;
                MemorySegment.copy(heap, blocks, buffer.segment(), offset, size);
                io.write(100, blocks, buffer, offset);
                buffer.segment().fill((byte) 0);
                io.read(100, blocks, buffer, offset);
                assertThat(
                                buffer.segment()
                                        .asSlice(offset, size)
                                        .mismatch(heap.asSlice(blocks, size)))
                        .as("%d blocks at %d", blocks, offset)
                        .isEqualTo(-1);
                assertThat(io.compare(100, blocks, buffer, offset)).isTrue();
            }
        }
        io.flush();
        io.verify(100, 1000);
        io.writeZeroes(100, 1);
        io.deallocate(102, 1);
        assertThat(io.compare(100, 4, buffer, 8192)).isFalse();
        io.read(100, 4, buffer, 0);
        var read = buffer.segment().asSlice(0, 2048).toArray(ValueLayout.JAVA_BYTE);
        assertThat(read[0]).isZero();
        assertThat(read[511]).isZero();
        assertThat(read[512]).isEqualTo(data[1000 + 512]);
        assertThat(read[1024]).isZero();
    }

    @Test
    void shouldKeepManyCommandsInFlight() {
        var device = new FakeController(FakeController.Way.SERVED, 0);
        drive(
                device,
                OPTIONS.withDepth(8),
                (fake, function, driver) -> {
                    var buffer = function.dma().allocate(8 * 512);
                    var queue = driver.queue(0);
                    var cookies = new ArrayList<Long>();
                    for (int round = 0; round < 100; round++) {
                        for (int i = 0; i < 8; i++) {
                            assertThat(queue.read(i, 1, buffer, 512L * i, (1L << 40) | i))
                                    .isNotNegative();
                        }
                        assertThat(queue.read(0, 1, buffer, 0, 0)).isEqualTo(IoQueue.FULL);
                        assertThat(queue.deallocate(0, 1, 0)).isEqualTo(IoQueue.FULL);
                        assertThat(queue.inFlight()).isEqualTo(8);
                        queue.kick();
                        cookies.clear();
                        while (queue.inFlight() > 0) {
                            queue.poll(
                                    completion -> {
                                        assertThat(completion.isSuccess()).isTrue();
                                        cookies.add(completion.cookie());
                                    },
                                    3);
                        }
                        assertThat(cookies).hasSize(8).contains(1L << 40, (1L << 40) | 7);
                    }
                });
    }

    @Test
    void shouldNameTheStatusOfWhatIsRefused() {
        drive(
                new FakeController(FakeController.Way.MESSAGES, 1),
                OPTIONS,
                (fake, fn, driver) -> {
                    var io = driver.sync(driver.namespaces().getFirst());
                    var buffer = fn.dma().allocate(4096);
                    assertThatThrownBy(() -> io.read(FakeQueues.BLOCKS, 1, buffer, 0))
                            .isInstanceOf(NvmeException.class)
                            .hasMessage("Read on namespace 1: LBA Out of Range (SCT 0x0, SC 0x80)");
                    fake.queues.ioStatus = 0x4000 | Status.WRITE_FAULT;
                    assertThatThrownBy(() -> io.write(0, 1, buffer, 0))
                            .isInstanceOfSatisfying(
                                    NvmeException.class,
                                    e -> {
                                        assertThat(e.status()).isEqualTo(Status.WRITE_FAULT);
                                        assertThat(e.statusCodeType()).isEqualTo(2);
                                        assertThat(e.doNotRetry()).isTrue();
                                        assertThat(e.opcode()).isEqualTo(IoOpcode.WRITE);
                                    })
                            .hasMessageEndingWith("Write Fault (SCT 0x2, SC 0x80), do not retry");
                    assertThatThrownBy(() -> driver.admin().identify(0x7f, 0, 0))
                            .hasMessage("Identify: Invalid Field in Command (SCT 0x0, SC 0x02)");
                    assertThatThrownBy(() -> driver.queue(0).read(0, 9, buffer, 0, 0))
                            .isInstanceOf(IllegalArgumentException.class)
                            .hasMessageStartingWith(
                                    "Read of 9 blocks at 0x0 of a buffer of 0x1000 bytes");
                    assertThatThrownBy(() -> driver.queue(0).read(0, 1, buffer, 2, 0))
                            .isInstanceOf(IllegalArgumentException.class);
                    assertThatThrownBy(() -> driver.queue(0).read(0, 1, buffer, -4, 0))
                            .isInstanceOf(IllegalArgumentException.class);
                });
    }

    @Test
    void shouldOfferTheAdminCommands() {
        drive(
                new FakeController(FakeController.Way.MESSAGES, 1),
                OPTIONS,
                (fake, fn, driver) -> {
                    var admin = driver.admin();
                    admin.setFeature(AdminCommands.FEATURE_WRITE_CACHE, 0, 1);
                    assertThat(admin.getFeature(AdminCommands.FEATURE_WRITE_CACHE, 0, 0))
                            .isEqualTo(1);
                    var log = admin.getLogPage(AdminCommands.LOG_HEALTH, -1, 512, 0);
                    assertThat(log.byteSize()).isEqualTo(512);
                    assertThat(log.get(ValueLayout.JAVA_BYTE, 511)).isEqualTo((byte) 2);
                    assertThat(
                                    admin.getLogPage(5, 0, 200_000, 0)
                                            .get(ValueLayout.JAVA_BYTE, 199_999))
                            .isEqualTo((byte) 5);
                    assertThat(admin.abort(1, 3)).isFalse();
                    admin.keepAlive();
                    admin.format(1, 0);
                    assertThat(admin.queue().command(0xff).cdw15(1)).isNotNull();
                    assertThat(admin.queue().tryExecute().status())
                            .isEqualTo(Status.INVALID_OPCODE);
                    assertThatThrownBy(() -> admin.getLogPage(2, 0, 6, 0))
                            .isInstanceOf(IllegalArgumentException.class);
                });
    }

    @Test
    void shouldHandOutEventsAndAskForMore() {
        drive(
                new FakeController(FakeController.Way.MESSAGES, 1),
                OPTIONS,
                (fake, fn, driver) -> {
                    assertThat(fake.queues.eventRequests).hasSize(4);
                    assertThat(driver.takeEvent()).isNull();
                    fake.queues.raise(0x00040002);
                    fake.queues.raise(0x00020101);
                    driver.admin().keepAlive();
                    assertThat(driver.takeEvent())
                            .isEqualTo(
                                    new AsyncEvent(
                                            AsyncEvent.NOTICE, AsyncEvent.NAMESPACE_CHANGED, 4));
                    assertThat(fake.queues.eventRequests).hasSize(3);
                    assertThat(driver.takeEvent())
                            .isEqualTo(new AsyncEvent(AsyncEvent.HEALTH, 1, 2));
                    assertThat(driver.takeEvent()).isNull();
                    assertThat(fake.queues.eventRequests).hasSize(4);
                });
    }

    @Test
    void shouldWriteDoorbellRegistersOnlyWhenAskedTo() {
        var options = OPTIONS.withShadowDoorbells(true);
        drive(
                new FakeController(FakeController.Way.SERVED, 1),
                options,
                (fake, fn, driver) -> {
                    var io = driver.sync(driver.namespaces().getFirst());
                    var buffer = fn.dma().allocate(4096);
                    io.write(0, 1, buffer, 0);
                    assertThat(fake.queues.doorbells.get(ValueLayout.JAVA_INT, 8)).isEqualTo(1);
                    fake.queues.asksForEvents = false;
                    io.write(0, 1, buffer, 0); // passes the event index that was set before
                    io.write(0, 1, buffer, 0);
                    io.write(0, 1, buffer, 0);
                    assertThat(fake.queues.doorbells.get(ValueLayout.JAVA_INT, 8)).isEqualTo(2);
                    exercise(driver, fn.dma().allocate(1 << 20));
                });
    }

    @Test
    void shouldResetAndGoOn() {
        var options = OPTIONS.withQueues(2).withShadowDoorbells(true);
        drive(
                new FakeController(FakeController.Way.SERVED, 1),
                options,
                (fake, fn, driver) -> {
                    var buffer = fn.dma().allocate(1 << 20);
                    exercise(driver, buffer);
                    driver.queue(0).read(0, 1, buffer, 0, 7);
                    driver.reset();
                    assertThat(driver.queue(0).inFlight()).isZero();
                    assertThat(fake.queues.queueCount()).isEqualTo(3);
                    assertThat(driver.takeEvent()).isNull();
                    assertThat(fake.queues.eventRequests).hasSize(4);
                    exercise(driver, buffer);
                });
    }

    @Test
    void shouldRefuseAnotherDevice() {
        try (var function = new PciFunction(new Edu(0x11e8, false))) {
            assertThatThrownBy(() -> NvmeDriver.open(function, OPTIONS))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("1234:11e8 is no NVMe controller: its class is 000000");
        }
    }

    @Test
    void shouldSayThatNoCompletionCame() {
        var device = new FakeController(FakeController.Way.MESSAGES, 1);
        drive(
                device,
                OPTIONS.withTimeout(Duration.ofSeconds(1)),
                (fake, function, driver) -> {
                    var queue = driver.queue(0);
                    assertThatThrownBy(() -> queue.await(completion -> {}))
                            .isInstanceOf(IllegalStateException.class)
                            .hasMessage("no completion of 0 commands of queue 1 in time");
                });
    }

    @Test
    void shouldLeaveNothingBehindWhenItCannotOpen() {
        OpenDescriptors.assertNoneLeak(() -> {
            try (var device = new FakeController(FakeController.Way.MESSAGES, 1);
                    var function = new PciFunction(device)) {
                device.queues.blockShift = 0;
                assertThatThrownBy(() -> NvmeDriver.open(function, OPTIONS))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("0x1000 blocks of 2^0 bytes");
                assertThat(device.memory.count()).isZero();
            }
        });
    }
}
