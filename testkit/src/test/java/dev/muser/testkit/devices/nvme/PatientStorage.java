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
import java.util.function.Consumer;

/** Storage that notes what it is asked for and, while it holds, does nothing until told. */
final class PatientStorage implements Storage {
    /** What it was asked for. */
    record Asked(
            StorageOperation operation,
            long offset,
            long length,
            boolean forced,
            boolean mayDeallocate) {}

    final List<Asked> asked = new ArrayList<>();
    final ArrayDeque<StorageRequest> held = new ArrayDeque<>();
    final MemorySegment bytes;
    private final StorageInfo info;

    boolean holding;

    /** What happens to each request instead of what it asks for; 0 for that. */
    int errno;

    /** Is run for each request before anything is done about it. */
    Consumer<StorageRequest> onSubmit = _ -> {};

    int quiesced;
    int cancelled;

    /** Whether what is held ends when the disk is disabled. */
    boolean cancels;

    boolean closed;

    PatientStorage(long size) {
        bytes = MemorySegment.ofArray(new byte[(int) size]);
        info = new StorageInfo(size, 1, false, true, true, true);
    }

    /** The operations that it was asked for, in order. */
    List<StorageOperation> operations() {
        return asked.stream().map(Asked::operation).toList();
    }

    @Override
    public StorageInfo info() {
        return info;
    }

    @Override
    public void start(EventLoop loop) {}

    @Override
    public void submit(StorageRequest request) {
        asked.add(
                new Asked(
                        request.operation(),
                        request.offset(),
                        request.length(),
                        request.forceUnitAccess(),
                        request.mayDeallocate()));
        onSubmit.accept(request);
        if (holding) {
            held.add(request);
        } else {
            perform(request);
        }
    }

    /** Does what is held, and holds nothing from now on. */
    void release() {
        holding = false;
        while (!held.isEmpty()) {
            perform(held.remove());
        }
    }

    /** Does the oldest request that is held. */
    void releaseOne() {
        perform(held.remove());
    }

    private void perform(StorageRequest request) {
        request.complete(errno != 0 ? errno : doneWith(request));
    }

    private int doneWith(StorageRequest request) {
        long at = request.offset();
        long n = request.length();
        return switch (request.operation()) {
            case READ -> request.put(0, bytes, at, n);
            case WRITE -> request.get(0, bytes, at, n);
            case FLUSH -> n == 0 ? 0 : Errno.EINVAL;
            case DISCARD, ZERO -> {
                bytes.asSlice(at, n).fill((byte) 0);
                yield 0;
            }
        };
    }

    @Override
    public void cancel() {
        cancelled++;
        while (cancels && !held.isEmpty()) {
            held.remove().complete(Errno.ECANCELED);
        }
    }

    @Override
    public void quiesce() {
        quiesced++;
    }

    @Override
    public void close() {
        closed = true;
    }
}
