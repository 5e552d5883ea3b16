package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.EventLoop;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A device that fails ends its client's session, and nothing else. */
final class DeviceFailureTest extends ServerTest {
    private Loop loop;
    private RawClient neighbour;
    private Path path;
    private EventLoop given;

    static Stream<Throwable> failures() {
        return Stream.of(
                new RuntimeException("as a device may"),
                new StackOverflowError("by hand"),
                new OutOfMemoryError("by hand"),
                new AssertionError("as a device may"),
                new NoClassDefFoundError("as a device may"),
                new IOException("sneaked out"));
    }

    @BeforeEach
    void serve() {
        loop = loop(LoopPolicy.BLOCKING);
        neighbour = connect(loop, anotherDevice(), ServerOptions.DEFAULTS);
        neighbour.negotiate();
        path = socketPath();
        var made = new AtomicReference<EventLoop>();
        closing(
                DeviceServer.listen(
                        loop,
                        g -> {
                            made.set(g);
                            return device;
                        },
                        path,
                        ServerOptions.DEFAULTS));
        given = Objects.requireNonNull(made.get());
    }

    private RawClient next() {
        var client = closing(RawClient.connect(path));
        client.negotiate();
        return client;
    }

    private void expectOthersServed() {
        neighbour.expectServed();
        device.behaveAgain();
        try (var client = next()) {
            client.expectServed();
        }
    }

    @ParameterizedTest
    @MethodSource("failures")
    void shouldEndTheSessionWhenARequestFails(Throwable thrown) {
        var client = next();
        device.failOn("reset", thrown);
        client.ask(RawClient.RESET, new byte[0]).failed(Errno.EIO);
        client.expectEnd();
        expectOthersServed();
        assertThat(device.calls).startsWith("attach", "detach", "attach");
    }

    @ParameterizedTest
    @MethodSource("failures")
    void shouldEndTheSessionSilentlyWhenAPostedRequestFails(Throwable thrown) {
        var client = next();
        device.failOn("writeRegion", thrown);
        client.post(RawClient.REGION_WRITE, RawClient.regionWrite(0, 0, (byte) 1));
        client.expectEnd();
        expectOthersServed();
    }

    @ParameterizedTest
    @MethodSource("failures")
    void shouldEndTheSessionWhenAttachingFails(Throwable thrown) {
        device.failOn("attach", thrown);
        var client = closing(RawClient.connect(path));
        client.ask(RawClient.VERSION, RawClient.version(0, 0, "{}")).failed(Errno.EIO);
        client.expectEnd();
        expectOthersServed();
    }

    @ParameterizedTest
    @MethodSource("failures")
    void shouldEndTheSessionWhenTheDeviceDoesNotSayWhatItIs(Throwable thrown) {
        device.failOn("info", thrown);
        var client = closing(RawClient.connect(path));
        client.ask(RawClient.VERSION, RawClient.version(0, 0, "{}")).failed(Errno.EIO);
        client.expectEnd();
        expectOthersServed();
    }

    @ParameterizedTest
    @MethodSource("failures")
    void shouldServeTheNextThoughDetachingFails(Throwable thrown) {
        var client = next();
        device.failOn("detach", thrown);
        client.close();
        expectOthersServed();
    }

    @ParameterizedTest
    @MethodSource("failures")
    void shouldEndTheSessionWhenATaskTimerWatchOrPollerFails(Throwable thrown) {
        Runnable failing =
                () -> {
                    device.failOn("reset", thrown);
                    device.reset();
                };
        var client = next();
        given.execute(failing);
        client.expectEnd();
        expectOthersServed();

        var second = next();
        given.execute(() -> given.timer(failing).arm(1));
        second.expectEnd();
        expectOthersServed();

        var third = next();
        given.execute(() ->
                given.poll(() -> {
                    failing.run();
                    return false;
                }));
        third.expectEnd();
        neighbour.expectServed(); // while it fails in every turn, without a client
    }

    /** Nobody would stop it otherwise, and it would fail in each turn of everybody's loop. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldStopAPollerThatFailsUntilItIsStartedAgain(boolean withClient) throws Exception {
        var client = withClient ? next() : null;
        var calls = new AtomicInteger();
        var poller =
                given.poller(() -> {
                    calls.incrementAndGet();
                    throw new IllegalStateException("as a device may");
                });
        for (int starts = 1; starts <= 3; starts++) {
            loop.execute(poller::start);
            for (int turns = 0; turns < 20; turns++) {
                var turned = new CountDownLatch(1);
                loop.execute(turned::countDown);
                turned.await();
            }
            assertThat(calls).hasValue(starts);
        }
        if (client != null) {
            client.expectEnd();
        }
        expectOthersServed();
    }

    @ParameterizedTest
    @MethodSource("failures")
    void shouldCloseAServerWhoseDeviceCannotBeClosed(Throwable thrown) {
        var another = anotherDevice();
        another.failOn("close", thrown);
        var server = DeviceServer.listen(loop, _ -> another, socketPath(), ServerOptions.DEFAULTS);
        server.close();
        server.awaitEnd();
        assertThat(another.closed).isTrue();
        expectOthersServed();
    }

    @Test
    void shouldEndTheSessionWhenADescriptorToBeSentIsClosed() {
        var client = next();
        device.file.close();
        client.command(
                RawClient.GET_REGION_INFO, 0, Bytes.of().u32(80).u32(0).u32(2).zeros(20).get());
        client.expectEnd();
        neighbour.expectServed();
    }

    @ParameterizedTest
    @MethodSource("sizes")
    void shouldEndTheSessionWhenItsMemoryIsMadeShorter(int rounds) {
        // Cold and in compiled code, where the fault is reported late.
        Fd file = memory(8192);
        var mapping = closing(Mapping.shared(file, 0, 8192, Mapping.Access.READ_WRITE));
        MemorySegment memory = mapping.segment();
        device.recording = false;
        for (int i = 0; i < rounds; i++) {
            touch(memory, i);
        }
        var client = next();
        device.when("writeRegion", () -> touch(memory, 4096));
        MemoryFile.resize(file, 0);
        for (int i = 0; i < 3; i++) {
            client.trySend(
                    RawClient.message(
                            i,
                            RawClient.REGION_WRITE,
                            RawClient.NO_REPLY,
                            RawClient.regionWrite(0, 0, (byte) 1)),
                    List.of());
        }
        client.expectEnd();
        expectOthersServed();

        var second = next();
        given.execute(() -> touch(memory, 0));
        second.expectEnd();
        expectOthersServed();
    }

    static Stream<Integer> sizes() {
        return Stream.of(1, 200_000);
    }

    private static void touch(MemorySegment memory, int at) {
        memory.set(ValueLayout.JAVA_INT, at & 4096, at);
    }
}
