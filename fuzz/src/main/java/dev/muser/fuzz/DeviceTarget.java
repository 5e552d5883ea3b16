package dev.muser.fuzz;

import dev.muser.device.Irq;
import dev.muser.device.pci.DeviceFactory;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.MemorySegment;

/**
 * A device, switched on for each input, and what a client can do with it: see {@link DeviceRun}.
 */
class DeviceTarget implements Target {
    static final long SHARED = 0x1_0000;

    private final DeviceFactory factory;
    private final Fd file = MemoryFile.create("muser-fuzz", SHARED);
    private final Fd signal = EventFd.create();
    private final Mapping shared;
    private final Resources resources;

    DeviceTarget(DeviceFactory factory) {
        this.factory = factory;
        MemoryFile.seal(file, MemoryFile.SEAL_SHRINK);
        shared = Mapping.shared(file, 0, SHARED, Mapping.Access.READ_WRITE);
        warm(); // what a process opens once is not a leak
        resources = new Resources();
    }

    /** Installs eventfds and signals each index. */
    private void warm() {
        var seed = new Seed();
        for (int index = 0; index < Irq.COUNT; index++) {
            int which = index | DeviceRun.TRIGGER << 3;
            seed.u8(0x0a, which, 0, 0).u8(0x6a, which, 0, 0);
        }
        try (var run = new DeviceRun(this, new Input(seed.get()))) {
            run.begin();
            run.all();
        }
    }

    @Override
    public void run(Input input) {
        shared.segment().fill((byte) 0);
        try (var run = start(input)) {
            run.begin();
            run.all();
            run.requireAlive();
        }
        resources.check();
    }

    DeviceRun start(Input input) {
        return new DeviceRun(this, input);
    }

    DeviceFactory factory() {
        return factory;
    }

    /** Memory that the client shares with the device. */
    MemorySegment shared() {
        return shared.segment();
    }

    Fd file() {
        return file;
    }

    Fd signal() {
        return signal;
    }

    @Override
    public void close() {
        resources.checkMappings();
        shared.close();
        file.close();
        signal.close();
    }
}
