package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.SyscallException;
import dev.muser.linux.UnixSocket;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** How servers begin that cannot, and end. */
final class DeviceServerTest extends ServerTest {
    @Test
    void shouldLetADeviceCloseItsOwnServerInTheMiddleOfARequest() {
        var loop = loop(LoopPolicy.BLOCKING);
        var neighbour = connect(loop, anotherDevice(), ServerOptions.DEFAULTS);
        neighbour.negotiate();
        var pair = UnixSocket.pair();
        var client = closing(new RawClient(pair[1]));
        var server = DeviceServer.adopt(loop, _ -> device, pair[0].fd(), ServerOptions.DEFAULTS);
        client.negotiate();
        device.when("reset", server::close);
        client.ask(RawClient.RESET, new byte[0]).succeeded(0);
        client.expectEnd();
        server.awaitEnd();
        assertThat(device.calls).containsExactly("attach", "reset", "detach");
        assertThat(device.closed).isTrue();
        neighbour.expectServed();
    }

    @Test
    void shouldLeaveNothingBehindWhenAServerCannotBeStarted() {
        var loop = loop(LoopPolicy.BLOCKING);
        var path = socketPath();
        closing(DeviceServer.listen(loop, _ -> anotherDevice(), path, ServerOptions.DEFAULTS));
        var polls = new AtomicInteger();
        assertThatThrownBy(() ->
                        DeviceServer.listen(
                                loop,
                                given -> {
                                    given.poll(() -> polls.incrementAndGet() < 0);
                                    return device;
                                },
                                path,
                                ServerOptions.DEFAULTS))
                .isInstanceOfSatisfying(
                        SyscallException.class,
                        e -> assertThat(e.errno()).isEqualTo(Errno.EADDRINUSE));
        assertThat(device.closed).isTrue();
        var client = closing(RawClient.connect(path));
        client.negotiate();
        int before = polls.get();
        client.expectServed();
        assertThat(polls).hasValue(before);
    }

    @Test
    void shouldCloseASocketThatItCannotAdopt() {
        var loop = loop(LoopPolicy.BLOCKING);
        var eventFd = EventFd.create();
        assertThatThrownBy(() ->
                        DeviceServer.adopt(loop, _ -> device, eventFd, ServerOptions.DEFAULTS))
                .isInstanceOf(SyscallException.class);
        assertThat(eventFd.isOpen()).isFalse();
        assertThat(device.closed).isTrue();
    }

    @Test
    void shouldThrowWhatTheMakerOfADeviceThrows() {
        var loop = loop(LoopPolicy.BLOCKING);
        var polls = new AtomicInteger();
        var failure = new IllegalArgumentException("no such device");
        assertThatThrownBy(() ->
                        DeviceServer.listen(
                                loop,
                                given -> {
                                    given.poll(() -> polls.incrementAndGet() < 0);
                                    throw failure;
                                },
                                socketPath(),
                                ServerOptions.DEFAULTS))
                .isSameAs(failure);
        int before = polls.get();
        connect(loop, device, ServerOptions.DEFAULTS).negotiate();
        assertThat(polls).hasValue(before);
    }
}
