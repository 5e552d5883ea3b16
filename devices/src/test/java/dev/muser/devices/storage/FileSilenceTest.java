package dev.muser.devices.storage;

import static dev.muser.devices.storage.StorageOperation.READ;
import static dev.muser.devices.storage.StorageOperation.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of requests to a file that does not answer, or not yet. */
final class FileSilenceTest {
    @TempDir Path directory = Path.of("none");

    private final Arena arena = Arena.ofAuto();
    private final ArrayDeque<Transfer> held = new ArrayDeque<>();
    private final ArrayDeque<Transfer> taken = new ArrayDeque<>();
    private @Nullable FileStorage opened;

    /** Holds all calls until the test answers. */
    private final class SilentEngine implements FileEngine {
        @Override
        public void begin(Transfer transfer) {
            taken.add(transfer);
        }

        @Override
        public void kick() {
            held.addAll(taken);
            taken.clear();
        }

        @Override
        public boolean collect() {
            return false;
        }

        @Override
        public void await(long nanoseconds) {
            kick();
        }

        @Override
        public void recall() {
            for (var t = taken.poll(); t != null; t = taken.poll()) {
                storage().recalled(t);
            }
        }

        @Override
        public void cancel() {}

        @Override
        public long bytesAtOnce() {
            return Long.MAX_VALUE;
        }

        @Override
        public void abandon() {}

        @Override
        public void polling(boolean on) {}

        @Override
        public String describe() {
            return "silence";
        }

        @Override
        public void close() {}
    }

    private void open() {
        opened =
                FileStorage.open(
                        directory.resolve("image"), FileOptions.DEFAULT.withCreate(1 << 20));
        storage().start(new SilentEngine());
    }

    private FileStorage storage() {
        return Objects.requireNonNull(opened);
    }

    private TestRequest submit(StorageOperation operation) {
        var request = new TestRequest(operation, 0, arena.allocate(4096));
        storage().submit(request);
        return request;
    }

    private void answer() {
        var transfer = held.remove();
        storage().finished(transfer, transfer.length);
    }

    @AfterEach
    void close() {
        while (!held.isEmpty()) {
            answer();
        }
        storage().close();
    }

    @Test
    void shouldNotWaitForEverUntilItIsQuiet() {
        open();
        var read = submit(READ);
        storage().kick();
        storage().quiesce();
        assertThat(read.isDone()).isFalse();
        answer();
        assertThat(read.errno()).isZero();
    }

    @Test
    void shouldNotWaitForWhatTouchesNoMemory() {
        open();
        var flush = TestRequest.flush();
        storage().submit(flush);
        var write = submit(WRITE); // has not begun
        storage().quiesce();
        assertThat(flush.isDone()).isFalse();
        assertThat(held).isEmpty();
        write.abandon();
        storage().goOn();
        assertThat(write.errno()).isEqualTo(Errno.EFAULT);
    }

    @Test
    void shouldNotContinueWhatWasCancelled() {
        open();
        var read = submit(READ);
        storage().kick();
        var write = submit(WRITE);
        storage().cancel();
        assertThat(write.errno()).isEqualTo(Errno.ECANCELED);
        assertThat(read.isDone()).isFalse();
        storage().finished(held.remove(), 512);
        assertThat(read.errno()).isEqualTo(Errno.ECANCELED);
        var next = submit(READ);
        storage().kick();
        answer();
        assertThat(next.errno()).isZero();
    }
}
