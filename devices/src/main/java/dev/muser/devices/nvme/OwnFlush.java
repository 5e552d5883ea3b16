package dev.muser.devices.nvme;

import dev.muser.device.EventLoop;
import dev.muser.devices.storage.StorageOperation;
import dev.muser.devices.storage.StorageRequest;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;

/** A flush that no command asked for. */
abstract class OwnFlush extends StorageRequest {
    private final EventLoop loop;

    OwnFlush(EventLoop loop) {
        this.loop = loop;
        prepare(StorageOperation.FLUSH, 0, 0, false, false);
    }

    @Override
    public final int put(long at, MemorySegment from, long position, long count) {
        return Errno.EINVAL;
    }

    @Override
    public final int get(long at, MemorySegment into, long position, long count) {
        return Errno.EINVAL;
    }

    @Override
    public final int pieces() {
        return 0;
    }

    @Override
    public final long pieceAddress(int index) {
        throw new IndexOutOfBoundsException(index);
    }

    @Override
    public final long pieceLength(int index) {
        throw new IndexOutOfBoundsException(index);
    }

    @Override
    public final void completeLater(int errno) {
        loop.execute(() -> complete(errno));
    }

    @Override
    public final void completeLater(int errno, MemorySegment data) {
        completeLater(errno);
    }
}
