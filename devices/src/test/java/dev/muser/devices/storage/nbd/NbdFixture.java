package dev.muser.devices.storage.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.devices.storage.FakeLoop;
import dev.muser.devices.storage.FakeRequest;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A fake server, and the engine that uses it. */
abstract class NbdFixture {
    static final NbdOptions OPTIONS = NbdOptions.DEFAULTS.withReplyTime(Duration.ofHours(1));

    @TempDir
    @SuppressWarnings("NullAway.Init")
    Path folder;

    final FakeLoop loop = new FakeLoop(System::nanoTime);
    private final List<NbdStorage> opened = new ArrayList<>();

    @SuppressWarnings("NullAway.Init")
    FakeServer server;

    @BeforeEach
    void startServer() {
        server = new FakeServer(folder.resolve("s"));
        new Random(1).nextBytes(server.disk);
    }

    @AfterEach
    void end() {
        opened.forEach(NbdStorage::close);
        server.close();
    }

    NbdStorage open() throws IOException {
        return open(OPTIONS);
    }

    NbdStorage open(NbdOptions options) throws IOException {
        var storage = NbdStorage.open(server.uri(), options);
        opened.add(storage);
        storage.start(loop);
        return storage;
    }

    int run(NbdStorage storage, FakeRequest request) {
        storage.submit(request);
        storage.kick();
        loop.runUntil(request::isDone);
        return request.errno();
    }

    void shouldRead(NbdStorage storage, long offset, int length) {
        var read = FakeRequest.read(offset, length);
        assertThat(run(storage, read)).isZero();
        assertThat(read.data()).isEqualTo(server.read(offset, length));
    }
}
