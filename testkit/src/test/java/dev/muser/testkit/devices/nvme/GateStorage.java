package dev.muser.testkit.devices.nvme;

import dev.muser.device.EventLoop;
import dev.muser.devices.storage.Storage;
import dev.muser.devices.storage.StorageInfo;
import dev.muser.devices.storage.StorageRequest;
import java.util.ArrayDeque;

/** Another storage, which begins nothing as long as its gate is closed. */
final class GateStorage implements Storage {

    /** The same for all processes. */
    static final class Gate {
        boolean closed;
        int cancelled;
    }

    private final Storage storage;
    private final Gate gate;
    private final ArrayDeque<StorageRequest> held = new ArrayDeque<>();

    GateStorage(Storage storage, Gate gate) {
        this.storage = storage;
        this.gate = gate;
    }

    @Override
    public StorageInfo info() {
        return storage.info();
    }

    @Override
    public void start(EventLoop loop) {
        loop.poll(this::release);
    }

    @Override
    public void submit(StorageRequest request) {
        if (gate.closed) {
            held.add(request);
        } else {
            storage.submit(request);
        }
    }

    private boolean release() {
        boolean any = false;
        while (!gate.closed && !held.isEmpty()) {
            storage.submit(held.remove());
            any = true;
        }
        return any;
    }

    @Override
    public void cancel() {
        gate.cancelled++;
    }

    @Override
    public void forget() {
        storage.forget();
    }

    @Override
    public void close() {
        storage.close();
    }
}
