package dev.muser.testkit.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import dev.muser.server.ServerOptions;
import dev.muser.testkit.hostile.Puppet.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A client that finds the fault in a device's code: its session ends, and no other. */
class HostileProcessTest extends HostileTest {
    @SuppressWarnings("EnumOrdinal") // as Puppet
    private static byte[] order(Order order) {
        return Requests.regionWrite(0, Puppet.COMMAND, Bytes.of().u32(order.ordinal()).get());
    }

    @ParameterizedTest
    @EnumSource(names = {"EXCEPTION", "STACK_OVERFLOW", "OUT_OF_MEMORY", "BUS_ERROR"})
    void shouldEndThatSessionAloneWhenARequestFails(Order order) {
        for (int i = 0; i < 10; i++) {
            try (var client = HostileClient.connect(socket).negotiate()) {
                client.map(0, 0x1000, memory(0x1000));
                client.ask(Requests.REGION_WRITE, order(order)).failed(Errno.EIO);
                client.expectEnd();
            }
            expectNextServed(socket);
        }
        bystander.expectUnharmed();
    }

    @ParameterizedTest
    @EnumSource(names = {"EXCEPTION", "STACK_OVERFLOW", "OUT_OF_MEMORY", "BUS_ERROR"})
    void shouldEndThatSessionAloneWhenAPostedRequestFails(Order order) {
        try (var client = HostileClient.connect(socket).negotiate()) {
            client.post(Requests.REGION_WRITE, order(order));
            client.expectEnd();
        }
        expectNextServed(socket);
    }

    @ParameterizedTest
    @EnumSource(
            names = {
                "TASK_EXCEPTION",
                "TIMER_STACK_OVERFLOW",
                "POLLER_OUT_OF_MEMORY",
                "TASK_BUS_ERROR"
            })
    void shouldEndThatSessionAloneWhenWhatItBegunFailsLater(Order order) {
        for (int i = 0; i < 3; i++) {
            var path = serve(Puppet::new, ServerOptions.DEFAULTS);
            try (var client = HostileClient.connect(path).negotiate()) {
                client.post(Requests.REGION_WRITE, order(order));
                client.expectEnd();
            }
        }
        bystander.expectUnharmed();
    }

    /** Every reply before the one that fails is the client's. */
    @Test
    void shouldAnswerWhatCameBeforeTheFault() {
        var client = negotiated();
        var all = Bytes.of();
        for (int i = 0; i < 100; i++) {
            all.raw(
                    Requests.message(
                            i, Requests.REGION_READ, 0, Requests.regionRead(0, Puppet.RAM, 8)));
        }
        all.raw(Requests.message(100, Requests.REGION_WRITE, 0, order(Order.STACK_OVERFLOW)));
        all.raw(Requests.message(101, Requests.GET_INFO, 0, Requests.info(16)));
        client.send(all.get());
        for (int i = 0; i < 100; i++) {
            assertThat(client.receive().succeeded(24).id()).isEqualTo(i);
        }
        assertThat(client.receive().failed(Errno.EIO).id()).isEqualTo(100);
        client.expectEnd();
    }
}
