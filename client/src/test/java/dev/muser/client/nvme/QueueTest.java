package dev.muser.client.nvme;

import static dev.muser.client.nvme.LittleEndian.U32;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.client.AllocationTest;
import dev.muser.client.PciFunction;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import org.junit.jupiter.api.Test;

/** The lower level: entries, queues and doorbells as a test sends them. */
class QueueTest {
    private interface Body {
        void run(FakeController device, PciFunction function, NvmeDriver driver);
    }

    private static void drive(FakeController.Way way, Body body) {
        try (var device = new FakeController(way, 0);
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, NvmeDriverOptions.DEFAULTS)) {
            body.run(device, function, driver);
        }
    }

    /** NVMe base 1.4, figures 104 and 105. */
    @Test
    void shouldPutEachFieldWhereItBelongs() {
        drive(
                FakeController.Way.MESSAGES,
                (device, function, driver) -> {
                    var buffer = function.dma().allocate(4096);
                    var completions = new CompletionQueue(driver.doorbells(), 3, 2, buffer, 2048);
                    var queue =
                            new SubmissionQueue(driver.doorbells(), completions, 3, 3, buffer, 64);
                    buffer.segment().asSlice(64, 128).fill((byte) 0xff);
                    queue.next()
                            .opcode(0x85)
                            .fuse(2)
                            .psdt(1)
                            .cid(0xabcd)
                            .nsid(0x11223344)
                            .cdw(2, 2)
                            .cdw(3, 3)
                            .mptr(0x0102030405060708L)
                            .prp1(0x1111111122222222L)
                            .prp2(0x3333333344444444L)
                            .cdw10(10)
                            .cdw11(11)
                            .cdw12(12)
                            .cdw13(13)
                            .cdw14(14)
                            .cdw15(15);
                    assertThat(dwords(buffer.segment().asSlice(64, 64)))
                            .containsExactly(
                                    0xabcd4285,
                                    0x11223344,
                                    2,
                                    3,
                                    0x05060708,
                                    0x01020304,
                                    0x22222222,
                                    0x11111111,
                                    0x44444444,
                                    0x33333333,
                                    10,
                                    11,
                                    12,
                                    13,
                                    14,
                                    15);
                    queue.next().sgl(0x5000, 512, SglList.LAST_SEGMENT).lba(0x100000002L);
                    assertThat(dwords(buffer.segment().asSlice(128, 64)))
                            .containsExactly(
                                    0x4000,
                                    0,
                                    0,
                                    0,
                                    0,
                                    0,
                                    0x5000,
                                    0,
                                    512,
                                    0x30000000,
                                    2,
                                    1,
                                    0,
                                    0,
                                    0,
                                    0);
                    assertThat(queue.room()).isZero();
                    assertThatThrownBy(queue::next)
                            .isInstanceOf(IllegalStateException.class)
                            .hasMessage("submission queue 3 is full: 3 entries");
                });
    }

    private static int[] dwords(MemorySegment memory) {
        return memory.toArray(U32);
    }

    @Test
    void shouldTellWhatACompletionSays() {
        var completion = new Completion();
        completion.set(0x0000000200000001L, 0x00030004, 0xc50b1234);
        assertThat(completion.dw0()).isEqualTo(1);
        assertThat(completion.dw1()).isEqualTo(2);
        assertThat(completion.submissionQueueHead()).isEqualTo(4);
        assertThat(completion.submissionQueueId()).isEqualTo(3);
        assertThat(completion.commandId()).isEqualTo(0x1234);
        assertThat(completion.cookie()).isEqualTo(0x1234);
        assertThat(completion.phase()).isEqualTo(1);
        assertThat(completion.statusCode()).isEqualTo(0x85);
        assertThat(completion.statusCodeType()).isEqualTo(2);
        assertThat(completion.status()).isEqualTo(Status.COMPARE_FAILURE);
        assertThat(completion.more()).isTrue();
        assertThat(completion.doNotRetry()).isTrue();
        assertThat(completion).hasToString("command 0x1234 of queue 3: Compare Failure, DW0 0x1");
        assertThat(Status.name(0x7ff)).isEqualTo("status code type 0x7, status code 0xff");
    }

    @Test
    void shouldCompleteSeveralSubmissionQueuesOnOneCompletionQueue() {
        drive(
                FakeController.Way.MESSAGES,
                (device, function, driver) -> {
                    var memory = function.dma().allocate(3 * 4096);
                    var doorbells = driver.doorbells();
                    var completions = new CompletionQueue(doorbells, 5, 8, memory, 4096);
                    var first = new SubmissionQueue(doorbells, completions, 6, 4, memory, 0);
                    var second = new SubmissionQueue(doorbells, completions, 7, 4, memory, 8192);
                    driver.admin().createCompletionQueue(completions);
                    driver.admin().createSubmissionQueue(first, 0);
                    driver.admin().createSubmissionQueue(second, 1);
                    var seen = new ArrayList<String>();
                    CompletionHandler handler =
                            c -> seen.add(c.submissionQueueId() + ":" + c.commandId());
                    for (int round = 0; round < 20; round++) {
                        first.next().nsid(1).cid(1);
                        first.next().nsid(1).cid(2);
                        second.next().nsid(1).cid(3);
                        assertThat(first.room()).isEqualTo(1);
                        device.writes.clear();
                        second.submit();
                        first.submit();
                        seen.clear();
                        assertThat(completions.poll(handler, 2)).isEqualTo(2);
                        assertThat(completions.poll(handler, 2)).isEqualTo(1);
                        assertThat(completions.poll(handler, 2)).isZero();
                        assertThat(seen).containsExactly("7:3", "6:1", "6:2");
                        assertThat(first.room()).isEqualTo(3);
                        assertThat(device.writes).as("two tails, a head for each batch").hasSize(4);
                    }
                    driver.admin().deleteSubmissionQueue(6);
                    driver.admin().deleteSubmissionQueue(7);
                    driver.admin().deleteCompletionQueue(5);
                });
    }

    @Test
    void shouldWriteAnythingIntoDoorbells() {
        drive(
                FakeController.Way.MESSAGES,
                (device, function, driver) -> {
                    var memory = function.dma().allocate(4096);
                    var completions = new CompletionQueue(driver.doorbells(), 500, 2, memory, 0);
                    device.writes.clear();
                    completions.ring(0x12345678);
                    new SubmissionQueue(driver.doorbells(), completions, 501, 2, memory, 1024)
                            .ring(-1);
                    driver.doorbells().writeRegister(510, true, 9);
                    assertThat(device.writes)
                            .containsExactly("0x1fa4=305419896", "0x1fa8=-1", "0x1ff4=9");
                });
    }

    @Test
    void shouldRefuseMemoryThatIsTooSmall() {
        drive(
                FakeController.Way.MESSAGES,
                (device, function, driver) -> {
                    var memory = function.dma().allocate(4096);
                    assertThatThrownBy(() ->
                                    new CompletionQueue(driver.doorbells(), 1, 257, memory, 0))
                            .isInstanceOf(IllegalArgumentException.class)
                            .hasMessageStartingWith(
                                    "queue 1 of 257 x 16 bytes at 0x0 of a buffer of");
                    assertThatThrownBy(
                                    () -> new CompletionQueue(driver.doorbells(), 1, 1, memory, 0))
                            .isInstanceOf(IllegalArgumentException.class)
                            .hasMessageStartingWith("queue 1 of 1 entries");
                });
    }

    @Test
    void shouldNotBelieveADeviceThatCompletesWhatIsNotInFlight() {
        drive(
                FakeController.Way.MESSAGES,
                (device, function, driver) -> {
                    device.queues.complete(1, 7, 0xffff, 99);
                    assertThatThrownBy(() -> driver.queue(0).poll(completion -> {}))
                            .isInstanceOf(IllegalStateException.class)
                            .hasMessage(
                                    "queue 1: the device completed a command that is not in flight:"
                                        + " command 0x0063 of queue 7: Successful Completion, DW0"
                                        + " 0x0");
                    device.queues.complete(1, 1, 0xffff, 0xffff);
                    assertThatThrownBy(() -> driver.queue(0).poll(completion -> {}))
                            .isInstanceOf(IllegalStateException.class);
                });
    }

    /** The rule of virtio 1.2, 2.7.7.2, on 16 bits. */
    @Test
    void shouldWantARegisterWriteWhenTheEventIndexIsPassed() {
        assertThat(ShadowDoorbells.needsEvent(4, 5, 4)).isTrue();
        assertThat(ShadowDoorbells.needsEvent(4, 9, 4)).isTrue();
        assertThat(ShadowDoorbells.needsEvent(4, 6, 5)).isFalse();
        assertThat(ShadowDoorbells.needsEvent(7, 6, 4)).isFalse();
        assertThat(ShadowDoorbells.needsEvent(6, 6, 4)).isFalse();
        assertThat(ShadowDoorbells.needsEvent(0xffff, 1, 0xfffe)).isTrue();
        assertThat(ShadowDoorbells.needsEvent(30, 2, 29)).as("a queue that wraps").isTrue();
    }

    @Test
    void shouldSubmitAndCompleteWithoutAllocating() {
        drive(
                FakeController.Way.SERVED,
                (device, function, driver) -> {
                    device.queues.echo = true;
                    var buffer = function.dma().allocate(1 << 20);
                    var queue = driver.queue(0);
                    CompletionHandler handler = completion -> {};
                    AllocationTest.assertAllocatesNothing(() -> {
                        for (int i = 0; i < 8; i++) {
                            queue.read(i, 1 + i, buffer, 0, i);
                        }
                        queue.write(0, 200, buffer, 4, 8);
                        queue.deallocate(0, 1, 9);
                        queue.kick();
                        while (queue.inFlight() > 0) {
                            queue.poll(handler);
                        }
                    });
                });
    }
}
