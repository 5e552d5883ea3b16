package dev.muser.fuzz;

import dev.muser.device.pci.DeviceFactory;

/** What a client does to migrate a device, in any order, with streams of its own making. */
final class MigrationTarget extends DeviceTarget {
    MigrationTarget(DeviceFactory factory) {
        super(factory);
    }

    @Override
    DeviceRun start(Input input) {
        return new Run(this, input);
    }

    private static final class Run extends DeviceRun {
        Run(MigrationTarget target, Input input) {
            super(target, input);
        }

        @Override
        void step(int choice) {
            if (choice < 0xc0) {
                migrate(choice & 3);
            } else {
                super.step(choice);
            }
        }
    }
}
