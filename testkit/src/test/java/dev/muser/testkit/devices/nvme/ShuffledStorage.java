package dev.muser.testkit.devices.nvme;

import dev.muser.device.EventLoop;
import dev.muser.devices.storage.Storage;
import dev.muser.devices.storage.StorageInfo;
import dev.muser.devices.storage.StorageRequest;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Another storage, which does requests some time later and in any order, as disks do. The process
 * may die before one is done, and when it has been and nobody knows yet.
 */
final class ShuffledStorage implements Storage {
    private final Storage storage;
    private final Random random;
    private final Runnable step;
    private final List<StorageRequest> held = new ArrayList<>();
    private @Nullable EventLoop loop;
    private boolean polling;

    /**
     * @param step is run wherever the process may die
     */
    ShuffledStorage(Storage storage, Random random, Runnable step) {
        this.storage = storage;
        this.random = random;
        this.step = step;
    }

    @Override
    public StorageInfo info() {
        var info = storage.info();
        return new StorageInfo(info.size(), 1, false, true, true, true); // with a cache
    }

    @Override
    public void start(EventLoop newLoop) {
        loop = newLoop;
    }

    @Override
    public void submit(StorageRequest request) {
        held.add(request);
        if (random.nextInt(3) == 0) {
            perform();
        } else {
            later();
        }
    }

    /** Does any request that it has. */
    private void perform() {
        var request = held.remove(random.nextInt(held.size()));
        step.run();
        storage.submit(new Passing(request));
    }

    private void later() {
        if (!polling) {
            Objects.requireNonNull(loop).execute(this::performSome);
        }
    }

    private void performSome() {
        if (!held.isEmpty()) {
            perform();
            if (!held.isEmpty()) {
                later();
            }
        }
    }

    @Override
    public boolean poll() {
        if (held.isEmpty()) {
            return false;
        }
        for (int n = random.nextInt(4); n > 0 && !held.isEmpty(); n--) {
            perform();
        }
        return true;
    }

    @Override
    public void polling(boolean on) {
        polling = on;
        if (!on && !held.isEmpty()) {
            later();
        }
    }

    @Override
    public void cancel() {
        for (int n = held.size(); n > 0; n--) {
            held.remove(random.nextInt(held.size())).complete(Errno.ECANCELED);
        }
    }

    @Override
    public void forget() {
        storage.forget();
    }

    @Override
    public void close() {
        storage.close();
    }

    /** The request, whose end the process may not live to see. */
    private final class Passing extends StorageRequest {
        private final StorageRequest whole;

        Passing(StorageRequest whole) {
            this.whole = whole;
            prepare(
                    whole.operation(),
                    whole.offset(),
                    whole.length(),
                    whole.forceUnitAccess(),
                    whole.mayDeallocate());
        }

        @Override
        public int put(long at, MemorySegment from, long position, long count) {
            return whole.put(at, from, position, count);
        }

        @Override
        public int get(long at, MemorySegment into, long position, long count) {
            return whole.get(at, into, position, count);
        }

        @Override
        public int pieces() {
            return whole.pieces();
        }

        @Override
        public long pieceAddress(int index) {
            return whole.pieceAddress(index);
        }

        @Override
        public long pieceLength(int index) {
            return whole.pieceLength(index);
        }

        @Override
        public void complete(int errno) {
            step.run();
            whole.complete(errno);
        }

        @Override
        public void completeLater(int errno) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void completeLater(int errno, MemorySegment data) {
            throw new UnsupportedOperationException();
        }
    }
}
