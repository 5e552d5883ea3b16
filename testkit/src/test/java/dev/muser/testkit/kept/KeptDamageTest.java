package dev.muser.testkit.kept;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.client.ClientOptions;
import dev.muser.client.DisconnectedException;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.device.Irq;
import dev.muser.device.state.StateMismatchException;
import dev.muser.linux.EventFd;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.SyscallException;
import dev.muser.server.ServerOptions;
import java.io.IOException;
import java.time.Duration;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/** What a process finds in the store is not what it should be. */
class KeptDamageTest {
    private static KeptServer serve() throws IOException {
        return new KeptServer(Ledger::new, ServerOptions.DEFAULTS);
    }

    private static void replace(KeptServer served, Predicate<String> names) {
        try (var wrong = EventFd.create()) {
            served.store.names().stream()
                    .filter(names)
                    .forEach(name -> served.store.put(name, wrong));
        }
    }

    @Test
    void shouldRefuseAStateThatIsNone() throws Exception {
        try (var served = serve()) {
            served.die();
            replace(served, "state"::equals);
            assertThatThrownBy(served::startAgain)
                    .isInstanceOf(StateMismatchException.class)
                    .hasMessage("what is stored as the state is not such memory");
            assertThat(served.store.names()).contains("listen", "state");
        }
    }

    @Test
    void shouldRefuseAListenerThatIsNone() throws Exception {
        try (var served = serve()) {
            served.die();
            replace(served, "listen"::equals);
            assertThatThrownBy(served::startAgain).isInstanceOf(SyscallException.class);
        }
    }

    @Test
    void shouldServeTheNextClientWhenTheConnectionIsNone() throws Exception {
        try (var served = serve()) {
            try (var lost = new PciFunction(RemoteDevice.connect(served.socket()))) {
                lost.bar(0).write64(Ledger.ADD, 3);
                served.die();
                replace(served, "conn"::equals);
                served.startAgain();
            }
            try (var function = new PciFunction(RemoteDevice.connect(served.socket()))) {
                assertThat(function.bar(0).read64(Ledger.SUM)).isEqualTo(3);
                var interrupt = function.interrupt(Irq.MSIX, 1);
                function.bar(0).write64(Ledger.RAISE, 1);
                assertThat(interrupt.await(Duration.ofSeconds(20))).isEqualTo(1);
            }
        }
    }

    @Test
    void shouldEndTheSessionWhoseEventFdsAreNone() throws Exception {
        try (var served = serve();
                var function = new PciFunction(RemoteDevice.connect(served.socket()))) {
            var bar = function.bar(0);
            var _ = function.interrupt(Irq.MSIX, 1);
            served.die();
            try (var wrong = MemoryFile.create("wrong", 4096)) {
                served.store.names().stream()
                        .filter(name -> name.startsWith("fd-"))
                        .forEach(name -> served.store.put(name, wrong));
            }
            served.startAgain();
            assertThatThrownBy(() -> bar.read64(Ledger.SUM))
                    .isInstanceOf(DisconnectedException.class);
            try (var next = new PciFunction(RemoteDevice.connect(served.socket()))) {
                assertThat(next.bar(0).read64(Ledger.SUM)).isZero();
            }
        }
    }

    @Test
    void shouldGoOnWithoutMemoryThatIsNone() throws Exception {
        try (var served = serve();
                var function = new PciFunction(RemoteDevice.connect(served.socket()))) {
            var bar = function.bar(0);
            var buffer = function.dma().allocate(4096);
            served.die();
            replace(served, name -> name.startsWith("fd-"));
            served.startAgain();
            bar.write64(Ledger.DMA, buffer.iova(0));
            assertThat(bar.read64(Ledger.WRITTEN)).isEqualTo(1000);
        }
    }

    @Test
    void shouldHandleAFloodThatCameWhileNobodyWasThere() throws Exception {
        var options = ClientOptions.DEFAULTS.withPostedWrites(true);
        try (var served = serve();
                var function = new PciFunction(RemoteDevice.connect(served.socket(), options))) {
            var bar = function.bar(0);
            served.die();
            var client =
                    Thread.ofPlatform()
                            .start(() -> {
                                for (int i = 0; i < 20_000; i++) {
                                    bar.write64(Ledger.ADD, 1);
                                }
                            });
            served.startAgain();
            served.restart();
            client.join();
            served.restart();
            assertThat(bar.read64(Ledger.SUM)).isEqualTo(20_000);
        }
    }
}
