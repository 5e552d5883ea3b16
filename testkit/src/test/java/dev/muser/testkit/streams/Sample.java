package dev.muser.testkit.streams;

import dev.muser.device.pci.DeviceFactory;

/** A device, what is done to it before it is stored, and what it must be when it is back. */
interface Sample {
    /** Returns the name of the device and of its file. */
    String name();

    DeviceFactory factory();

    /** Gives a new device a state. */
    void prepare(Bench bench);

    /** Asserts that a device is in that state, with memory of the client's that is empty. */
    void check(Bench bench);

    default byte[] make() {
        try (var bench = new Bench(factory())) {
            prepare(bench);
            return bench.save();
        }
    }
}
