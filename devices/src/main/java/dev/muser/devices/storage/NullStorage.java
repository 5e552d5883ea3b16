package dev.muser.devices.storage;

import dev.muser.device.EventLoop;

/** Forgets what is written; reads leave the client's memory as it is. To measure all the rest. */
public final class NullStorage implements Storage {
    private final StorageInfo info;

    public NullStorage(long size) {
        info = new StorageInfo(size, 1, false, false, true, false);
    }

    @Override
    public StorageInfo info() {
        return info;
    }

    @Override
    public void start(EventLoop loop) {}

    @Override
    public void submit(StorageRequest request) {
        request.complete(0);
    }

    @Override
    public void close() {}
}
