package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The hot path allocates nothing, so that it never waits for the collector. */
final class AllocationTest extends ServerTest {
    /** Few at a time: receiving and sending have to be warm as well. */
    private static final int BATCH = 10;

    private static final int MESSAGES = 200_000;

    @ParameterizedTest
    @CsvSource({"9, 0, 36", "10, 0, 32", "10, 16, 0", "15, 16, 0"})
    void shouldServeRegionAccessWithoutAllocation(int command, int flags, int replySize) {
        device.recording = false;
        var loop = loop(LoopPolicy.BLOCKING);
        var client = connect(loop, device, ServerOptions.DEFAULTS);
        client.negotiate();
        byte[] payload =
                switch (command) {
                    case RawClient.REGION_READ -> RawClient.regionRead(0, 8, 4);
                    case RawClient.REGION_WRITE -> RawClient.regionWrite(0, 8, new byte[4]);
                    default -> Bytes.of().u64(1).u64(8).u32(0).u32(4).u64(1).get();
                };
        var batch = new byte[BATCH][];
        Arrays.fill(batch, RawClient.message(1, command, flags, payload));
        byte[] bytes = Bytes.join(batch);

        run(client, bytes, replySize);
        run(client, bytes, replySize);
        long before = allocated(loop);
        run(client, bytes, replySize);
        long allocated = allocated(loop) - before;
        assertThat(allocated).as("bytes for %d messages", MESSAGES).isLessThan(64 * 1024);
    }

    private static void run(RawClient client, byte[] batch, int replySize) {
        for (int i = 0; i < MESSAGES / BATCH; i++) {
            client.send(batch);
            for (int j = 0; j < BATCH && replySize > 0; j++) {
                assertThat(client.receive().size()).isEqualTo(replySize);
            }
        }
        client.expectServed();
    }

    private static long allocated(Loop loop) {
        var bytes = new CompletableFuture<Long>();
        var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        loop.execute(() -> bytes.complete(threads.getCurrentThreadAllocatedBytes()));
        return bytes.join();
    }
}
