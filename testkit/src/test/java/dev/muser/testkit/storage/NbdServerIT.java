package dev.muser.testkit.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.devices.storage.StorageException;
import dev.muser.devices.storage.StorageOperation;
import dev.muser.devices.storage.nbd.NbdOptions;
import dev.muser.devices.storage.nbd.NbdStorage;
import dev.muser.server.Loop;
import dev.muser.server.LoopPolicy;
import dev.muser.testkit.HostTool;
import dev.muser.testkit.QemuNbd;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A disk behind a real qemu-nbd. */
final class NbdServerIT {
    private static final int SIZE = 16 << 20;
    private static final int BLOCK = 64 << 10;

    @TempDir private Path folder;

    private final Loop loop = Loop.start("nbd", LoopPolicy.ADAPTIVE, OptionalInt.empty());
    private Path image;
    private Path socket;

    @BeforeEach
    void name() {
        image = folder.resolve("disk");
        socket = folder.resolve("socket");
    }

    @AfterEach
    void end() {
        loop.close();
    }

    private void create(String format) {
        HostTool.run("qemu-img", "create", "-q", "-f", format, image.toString(), "16M");
    }

    private NbdStorage open() {
        var storage = NbdStorage.open("nbd+unix:///?socket=" + socket, NbdOptions.DEFAULTS);
        onLoop(() -> storage.start(loop));
        return storage;
    }

    private void onLoop(Runnable task) {
        CompletableFuture.runAsync(task, loop::execute).join();
    }

    private ArrayRequest submit(NbdStorage storage, ArrayRequest request) {
        loop.execute(() -> storage.submit(request));
        return request;
    }

    private void shouldDo(NbdStorage storage, ArrayRequest request) {
        assertThat(submit(storage, request).completed.join()).as("errno").isZero();
    }

    private byte[] read(NbdStorage storage, long offset, int length) {
        var request = new ArrayRequest(StorageOperation.READ, offset, new byte[length]);
        shouldDo(storage, request);
        return request.data();
    }

    @ParameterizedTest
    @ValueSource(strings = {"raw", "qcow2"})
    void shouldKeepWhatIsWritten(String format) {
        create(format);
        var expected = new byte[SIZE];
        new Random(1).nextBytes(expected);
        try (var server = QemuNbd.serve(image, socket, format)) {
            assertThat(server.socket()).exists();
            try (var storage = open()) {
                assertThat(storage.info().size()).isEqualTo(SIZE);
                assertThat(storage.info().volatileCache()).isTrue();
                assertThat(storage.info().discards()).isTrue();
                var writes = new ArrayList<ArrayRequest>();
                for (int at = 0; at < SIZE; at += BLOCK) {
                    var data = Arrays.copyOfRange(expected, at, at + BLOCK);
                    writes.add(submit(storage, new ArrayRequest(StorageOperation.WRITE, at, data)));
                }
                writes.forEach(write -> assertThat(write.completed.join()).isZero());
                shouldDo(storage, new ArrayRequest(StorageOperation.FLUSH, 0, 0));
                assertThat(read(storage, 0, SIZE)).isEqualTo(expected);
                shouldDo(storage, new ArrayRequest(StorageOperation.ZERO, BLOCK, 2 * BLOCK));
                shouldDo(storage, new ArrayRequest(StorageOperation.DISCARD, SIZE / 2, BLOCK));
                assertThat(read(storage, BLOCK, 2 * BLOCK)).containsOnly(0);
            }
        }
    }

    @Test
    void shouldLoseNothingToAServerThatIsKilledAndReturns() {
        create("raw");
        try (var dying = QemuNbd.serve(image, socket, "raw")) {
            try (var storage = open()) {
                var writes = new ArrayList<ArrayRequest>();
                for (int at = 0; at < SIZE; at += BLOCK) {
                    var data = new byte[BLOCK];
                    new Random(at).nextBytes(data);
                    writes.add(submit(storage, new ArrayRequest(StorageOperation.WRITE, at, data)));
                }
                dying.kill();
                try (var next = QemuNbd.serve(image, socket, "raw")) {
                    assertThat(next.socket()).exists();
                    for (var write : writes) {
                        assertThat(write.completed.join()).isZero();
                        assertThat(read(storage, write.offset(), BLOCK)).isEqualTo(write.data());
                    }
                    shouldDo(storage, new ArrayRequest(StorageOperation.FLUSH, 0, 0));
                }
            }
        }
    }

    @Test
    void shouldSayThatAnExportIsReadOnlyOrMissing() {
        create("raw");
        try (var server = QemuNbd.serve(image, socket, "raw", "--read-only", "--export-name=a")) {
            var address = "nbd+unix:///%s?socket=" + server.socket();
            try (var storage = NbdStorage.open(address.formatted("a"), NbdOptions.DEFAULTS)) {
                assertThat(storage.info().readOnly()).isTrue();
            }
            assertThatThrownBy(() -> NbdStorage.open(address.formatted("b"), NbdOptions.DEFAULTS))
                    .isInstanceOf(StorageException.class)
                    .hasMessageContaining("no export 'b'");
        }
    }
}
