package dev.muser.testkit.kept;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.ClientOptions;
import dev.muser.client.DmaMemory;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.device.DirtyLog;
import dev.muser.device.DmaAccess;
import dev.muser.device.Irq;
import dev.muser.server.ServerOptions;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The process dies between any two steps on a request's way, and the client does not notice. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class FaultPointTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldAnswerEachRequestOnceWhateverStepTheProcessDiesAt(boolean twin) throws Exception {
        var options = ServerOptions.DEFAULTS.withTwinSocket(twin);
        int died = 1;
        int lastStep = 0;
        for (; died != 0; lastStep++) {
            int[] steps = {0};
            int last = lastStep;
            died = run(options, twin, () -> steps[0]++ == last);
        }
        // the client's script alone has some thirty requests, of several steps each
        assertThat(lastStep).isGreaterThan(100);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void shouldAnswerEachRequestOnceWhenItDiesAgainAndAgain(long seed) throws Exception {
        var random = new Random(seed);
        int died = run(ServerOptions.DEFAULTS, true, () -> random.nextInt(40) == 0);
        assertThat(died).isPositive();
    }

    /** Returns how often the process died. */
    private static int run(ServerOptions options, boolean twin, KeptServer.Steps steps)
            throws Exception {
        // a device that dies while it starts anew does so in nobody's middle: not before its client
        var connected = new boolean[1];
        int died = 0;
        try (var served =
                new KeptServer(Ledger::new, options, () -> connected[0] && steps.isLast())) {
            connected[0] = true;
            var script = new CompletableFuture<Boolean>();
            Thread.ofPlatform()
                    .daemon()
                    .start(() -> {
                        try {
                            script(served.socket(), twin);
                            script.complete(true);
                        } catch (Throwable t) {
                            script.completeExceptionally(t);
                        }
                    });
            while (!script.isDone()) {
                if (served.hasDied()) {
                    died++;
                    connected[0] = false;
                    served.startAgain();
                    connected[0] = true;
                }
                Thread.onSpinWait();
            }
            script.get(1, TimeUnit.SECONDS);
        }
        return died;
    }

    /** Whether the device has written a page since the last time. */
    private static boolean isDirty(DirtyLog log, long iova) {
        var bitmap = Arena.ofAuto().allocate(8);
        log.report(iova, 4096, 4096, bitmap, 0);
        return bitmap.get(ValueLayout.JAVA_LONG, 0) == 1;
    }

    private static void script(Path socket, boolean twin) {
        var options = ClientOptions.DEFAULTS.withTwinSocket(twin).withTimeout(PATIENCE);
        try (var device = RemoteDevice.connect(socket, options);
                var function = new PciFunction(device)) {
            var bar = function.bar(0);
            for (int i = 0; i < 4; i++) {
                assertThat(bar.read64(Ledger.NEXT)).isEqualTo(i);
                bar.write64(Ledger.ADD, i);
                bar.write64(Ledger.PUSH, 100 + i);
            }
            assertThat(bar.read64(Ledger.SUM)).isEqualTo(6);
            var interrupt = function.interrupt(Irq.MSIX, 1);
            bar.write64(Ledger.RAISE, 1);
            assertThat(interrupt.await(PATIENCE)).isBetween(1L, 2L);
            try (var buffer = function.dma().allocate(4096)) {
                var log = Objects.requireNonNull(device.dirtyLog());
                log.start(4096, List.of());
                bar.write64(Ledger.DMA, buffer.iova(16));
                assertThat(isDirty(log, buffer.iova())).isTrue();
                assertThat(isDirty(log, buffer.iova())).isFalse();
                log.stop();
                assertThat(bar.read64(Ledger.WRITTEN)).isEqualTo(1);
                assertThat(buffer.segment().get(ValueLayout.JAVA_LONG, 16)).isEqualTo(4);
                assertThat(bar.read64(Ledger.POP)).isEqualTo(100);
            }
            try (var buffer =
                    function.dma().allocate(4096, DmaAccess.READ_WRITE, DmaMemory.MESSAGES)) {
                bar.write64(Ledger.DMA, buffer.iova(32));
                while (bar.read64(Ledger.WRITTEN) != 2) {
                    device.serve();
                }
                assertThat(buffer.segment().get(ValueLayout.JAVA_LONG, 32)).isEqualTo(4);
            }
            bar.write64(Ledger.DMA, 0x5000); // nothing is there any more
            while (bar.read64(Ledger.WRITTEN) != 1002) {
                device.serve();
            }
            for (int i = 1; i < 4; i++) {
                assertThat(bar.read64(Ledger.POP)).isEqualTo(100 + i);
            }
            assertThat(bar.read64(Ledger.POP)).isEqualTo(-1);
            assertThat(bar.read64(Ledger.NEXT)).isEqualTo(4);
            assertThat(bar.read64(Ledger.SUM)).isEqualTo(6);
        }
    }
}
