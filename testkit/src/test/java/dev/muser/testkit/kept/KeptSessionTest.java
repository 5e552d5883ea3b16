package dev.muser.testkit.kept;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.muser.client.ClientOptions;
import dev.muser.client.DmaMemory;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.device.DmaAccess;
import dev.muser.device.Irq;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.server.ServerOptions;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KeptSessionTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    @Test
    void shouldGoOnWithRegistersMemoryAndInterrupts() throws Exception {
        try (var served = new KeptServer(Ledger::new, ServerOptions.DEFAULTS);
                var function = new PciFunction(RemoteDevice.connect(served.socket()))) {
            var bar = function.bar(0);
            var buffer = function.dma().allocate(8192);
            var interrupt = function.interrupt(Irq.MSIX, 1);
            assertThat(bar.read64(Ledger.NEXT)).isZero();
            bar.write64(Ledger.ADD, 40);
            bar.write64(Ledger.PUSH, 7);
            for (int life = 1; life <= 5; life++) {
                served.restart();
                assertThat(bar.read64(Ledger.NEXT)).isEqualTo(2L * life - 1);
                bar.write64(Ledger.DMA, buffer.iova(8L * life));
                assertThat(buffer.segment().get(ValueLayout.JAVA_LONG, 8L * life))
                        .isEqualTo(2L * life);
                served.restart();
                bar.write64(Ledger.ADD, 1);
                assertThat(bar.read64(Ledger.SUM)).isEqualTo(40 + life);
                assertThat(bar.read64(Ledger.WRITTEN)).isEqualTo(life);
                assertThat(bar.read64(Ledger.NEXT)).isEqualTo(2L * life);
                bar.write64(Ledger.RAISE, 1);
                assertThat(interrupt.await(PATIENCE)).isEqualTo(1);
            }
            assertThat(bar.read64(Ledger.POP)).isEqualTo(7);
            assertThat(bar.read64(Ledger.POP)).isEqualTo(-1);
            buffer.close();
            served.restart();
            bar.write64(Ledger.DMA, 0x10);
            assertThat(bar.read64(Ledger.WRITTEN)).isEqualTo(1005);
        }
    }

    @Test
    void shouldTakeTheLargestMessageThatItAgreesTo() throws Exception {
        try (var served = new KeptServer(Ledger::new, ServerOptions.DEFAULTS);
                var device = RemoteDevice.connect(served.socket());
                var arena = Arena.ofConfined()) {
            int most = device.limits().maxTransfer();
            assertThat(most).isEqualTo(64 << 10); // what a socket holds of a message, for certain
            var data = arena.allocate(most);
            int beyond = device.info().regions();
            assertThatExceptionOfType(VfioException.class)
                    .isThrownBy(() -> device.writeRegion(beyond, 0, data, 0, most))
                    .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL));
            assertThat(device.info().pci()).isTrue();
        }
    }

    @Test
    void shouldHaveWhatWasSentMeanwhileAnsweredByTheNext() throws Exception {
        try (var served = new KeptServer(Ledger::new, ServerOptions.DEFAULTS);
                var function = new PciFunction(RemoteDevice.connect(served.socket()))) {
            var bar = function.bar(0);
            assertThat(bar.read64(Ledger.NEXT)).isZero();
            served.die();
            var asked = new long[1];
            var client = Thread.ofPlatform().start(() -> asked[0] = bar.read64(Ledger.NEXT));
            served.startAgain();
            client.join();
            assertThat(asked[0]).isEqualTo(1);
        }
    }

    @Test
    void shouldTakeTheNextClientAfterTheOneThatItWasGivenHasGone() throws Exception {
        try (var served = new KeptServer(Ledger::new, ServerOptions.DEFAULTS)) {
            try (var function = new PciFunction(RemoteDevice.connect(served.socket()))) {
                function.bar(0).write64(Ledger.ADD, 3);
                served.restart();
            }
            try (var function = new PciFunction(RemoteDevice.connect(served.socket()))) {
                assertThat(function.bar(0).read64(Ledger.SUM)).isEqualTo(3);
                served.die();
            }
            served.startAgain();
            try (var function = new PciFunction(RemoteDevice.connect(served.socket()))) {
                assertThat(function.bar(0).read64(Ledger.SUM)).isEqualTo(3);
                assertThat(served.store.names())
                        .containsExactlyInAnyOrder("listen", "state", "conn");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldReachMemoryByMessageAcrossRestarts(boolean twin) throws Exception {
        var options = ServerOptions.DEFAULTS.withTwinSocket(twin);
        var random = new Random(7);
        try (var served = new KeptServer(Ledger::new, options);
                var device =
                        RemoteDevice.connect(
                                served.socket(), ClientOptions.DEFAULTS.withTwinSocket(twin));
                var function = new PciFunction(device)) {
            var bar = function.bar(0);
            var buffer = function.dma().allocate(8192, DmaAccess.READ_WRITE, DmaMemory.MESSAGES);
            long written = 0;
            for (int i = 0; i < 50; i++) {
                bar.write64(Ledger.DMA, buffer.iova(8));
                if (random.nextBoolean()) {
                    served.restart();
                }
                written++;
                while (bar.read64(Ledger.WRITTEN) < written) {
                    device.serve();
                }
                assertThat(bar.read64(Ledger.WRITTEN)).isEqualTo(written);
            }
        }
    }
}
