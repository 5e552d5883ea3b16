package dev.muser.client;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.muser.device.Region;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The hot path makes no garbage: the driver's thread is measured, once it is compiled. */
public class AllocationTest {
    private static final int ROUNDS = 20_000;

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    @ParameterizedTest
    @EnumSource(Waiting.class)
    void shouldReadAndWriteRegistersWithoutAllocating(Waiting waiting) {
        try (var server = FakeServer.negotiated(AllocationTest::echo);
                var device = server.connect(ClientOptions.DEFAULTS.withWaiting(waiting))) {
            var buffer = Arena.ofAuto().allocate(8, 8);
            assertAllocatesNothing(() -> {
                device.readRegion(Region.BAR0, 0x10, buffer, 0, 4);
                device.writeRegion(Region.BAR0, 0x18, buffer, 0, 8);
            });
        }
    }

    @Test
    void shouldReadAndWriteByABarViewWithoutAllocating() {
        try (var server = FakeServer.negotiated(AllocationTest::echo);
                var device = server.connect();
                var bar = new BarView(device, Region.BAR0)) {
            assertAllocatesNothing(() -> {
                bar.write32(8, bar.read32(4));
                bar.write64(16, bar.read64(8));
            });
        }
    }

    @Test
    void shouldSendABatchWithoutAllocating() {
        try (var server = FakeServer.negotiated("\"write_multiple\":true", AllocationTest::echo);
                var device = server.connect()) {
            var batch = device.writeBatch(2);
            assertAllocatesNothing(() -> batch.write32(0, 0, 1).write32(0, 4, 2).send());
        }
    }

    public static void assertAllocatesNothing(Runnable task) {
        // The interpreter allocates, and so may the compiled code's first runs.
        for (int i = 0; i < ROUNDS; i++) {
            task.run();
        }
        long least = Long.MAX_VALUE;
        for (int attempt = 0; attempt < 300 && least > 0; attempt++) {
            long before = THREADS.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < 1000; i++) {
                task.run();
            }
            least = Math.min(least, THREADS.getCurrentThreadAllocatedBytes() - before);
        }
        assertThat(least).as("bytes that 1000 rounds allocated").isZero();
    }

    /** Answers reads and writes, as fast as it can, until the client has gone. */
    private static void echo(FakeServer s) {
        var receiver = new MessageReceiver(1);
        var sender = new MessageSender();
        MemorySegment memory = Arena.ofAuto().allocate(4096, 8);
        while (receiver.receive(s.socket(), memory, 0, 4096, 0) > 0) {
            short command = memory.get(ValueLayout.JAVA_SHORT, 2);
            int size =
                    switch (command) {
                        case FakeServer.GET_REGION_INFO -> {
                            memory.set(ValueLayout.JAVA_INT, 20, 3);
                            memory.set(ValueLayout.JAVA_LONG, 32, 0x1000);
                            yield 48;
                        }
                        case FakeServer.REGION_READ -> 32 + memory.get(ValueLayout.JAVA_INT, 28);
                        case FakeServer.WRITE_MULTI -> 24;
                        default -> 32;
                    };
            memory.set(ValueLayout.JAVA_INT, 4, size);
            memory.set(ValueLayout.JAVA_INT, 8, 1);
            sender.send(s.socket(), memory, 0, size, 0);
        }
        receiver.close();
    }
}
