package dev.muser.server;

import dev.muser.device.VfioDevice;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.UnixSocket;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A device behind a socket, and what reaches it; all of it is closed after each test. */
abstract class ServerTest {
    @RegisterExtension final Leaks leaks = new Leaks();

    private final Deque<AutoCloseable> toClose = new ArrayDeque<>();

    FakeDevice device;

    @BeforeEach
    final void makeDevice() {
        device = anotherDevice();
    }

    FakeDevice anotherDevice() {
        return closing(new FakeDevice(), d -> d.file.close());
    }

    private interface Closer<T> {
        void close(T what) throws Exception;
    }

    private <T> T closing(T what, Closer<? super T> closer) {
        toClose.push(() -> closer.close(what));
        return what;
    }

    <T extends AutoCloseable> T closing(T what) {
        return closing(what, AutoCloseable::close);
    }

    Loop loop(LoopPolicy policy) {
        return closing(Loop.start("test-loop", policy, OptionalInt.empty()));
    }

    /** Returns a place for a socket, removed after the test. */
    Path socketPath() {
        try {
            var folder = Files.createTempDirectory("muser");
            closing(folder, Files::delete);
            return folder.resolve("s");
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** Serves the test's device to one client, which has not said anything yet. */
    RawClient connect(ServerOptions options) {
        return connect(loop(LoopPolicy.BLOCKING), device, options);
    }

    RawClient connect(Loop loop, VfioDevice served, ServerOptions options) {
        var pair = UnixSocket.pair();
        closing(DeviceServer.adopt(loop, _ -> served, pair[0].fd(), options));
        return closing(new RawClient(pair[1]));
    }

    RawClient connect() {
        return connect(ServerOptions.DEFAULTS);
    }

    /** As {@link #connect()}, with a session. */
    RawClient negotiated() {
        var client = connect();
        client.negotiate();
        return client;
    }

    /** A memory file, which the test may send; told apart by its size. */
    Fd memory(long size) {
        return closing(MemoryFile.create("test", size));
    }

    @AfterEach
    final void closeAll() throws Exception {
        while (!toClose.isEmpty()) {
            toClose.pop().close();
        }
    }
}
