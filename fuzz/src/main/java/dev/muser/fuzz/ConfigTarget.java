package dev.muser.fuzz;

import dev.muser.device.Region;

/** Reads and writes of the configuration space of a device that has everything. */
final class ConfigTarget extends DeviceTarget {
    private static final int[] WIDTHS = {1, 2, 4, 8, 3, 4, 2, 1};

    ConfigTarget() {
        super(EveryCapability::new);
    }

    @Override
    DeviceRun start(Input input) {
        return new Run(this, input);
    }

    private static final class Run extends DeviceRun {
        Run(ConfigTarget target, Input input) {
            super(target, input);
        }

        @Override
        void step(int choice) {
            int offset = input.u16();
            int width = WIDTHS[choice >> 3 & 7];
            switch (choice & 7) {
                case 0, 1 -> read(Region.CONFIG, offset & 0xff, width);
                case 2 -> read(Region.CONFIG, offset, width);
                case 3, 4 -> write(Region.CONFIG, offset & 0xff, width, input.value());
                case 5 -> write(Region.CONFIG, offset, width, input.value());
                case 6 -> interrupts(choice >> 3);
                default -> access();
            }
        }
    }
}
