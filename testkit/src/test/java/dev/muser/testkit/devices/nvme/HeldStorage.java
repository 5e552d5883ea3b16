package dev.muser.testkit.devices.nvme;

import dev.muser.device.EventLoop;
import dev.muser.devices.storage.Storage;
import dev.muser.devices.storage.StorageInfo;
import dev.muser.devices.storage.StorageOperation;
import dev.muser.devices.storage.StorageRequest;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/** Storage that keeps requests until it is told to do them, and notes what it was asked for. */
final class HeldStorage implements Storage {
    final List<StorageOperation> seen = new ArrayList<>();
    final ArrayDeque<StorageRequest> held = new ArrayDeque<>();
    final MemorySegment bytes;
    private final StorageInfo info;

    /** Operations that wait; all others are done at once. */
    List<StorageOperation> holding = List.of();

    boolean forced;
    boolean failing;
    boolean closed;

    HeldStorage(int size, int alignment, boolean readOnly, boolean volatileCache) {
        bytes = MemorySegment.ofArray(new byte[size]);
        info = new StorageInfo(size, alignment, readOnly, volatileCache, true, true);
    }

    static HeldStorage cached(int size) {
        return new HeldStorage(size, 512, false, true);
    }

    @Override
    public StorageInfo info() {
        return info;
    }

    @Override
    public void start(EventLoop loop) {}

    @Override
    public void submit(StorageRequest request) {
        seen.add(request.operation());
        forced = request.forceUnitAccess();
        if (holding.contains(request.operation())) {
            held.add(request);
        } else {
            perform(request);
        }
    }

    void release() {
        holding = List.of();
        while (!held.isEmpty()) {
            perform(held.remove());
        }
    }

    private void perform(StorageRequest request) {
        long at = request.offset();
        long n = request.length();
        if (failing) {
            request.complete(Errno.EIO);
            return;
        }
        request.complete(
                switch (request.operation()) {
                    case READ -> request.put(0, bytes, at, n);
                    case WRITE -> request.get(0, bytes, at, n);
                    case FLUSH -> 0;
                    case DISCARD, ZERO -> {
                        bytes.asSlice(at, n).fill((byte) 0);
                        yield 0;
                    }
                });
    }

    @Override
    public void close() {
        closed = true;
    }
}
