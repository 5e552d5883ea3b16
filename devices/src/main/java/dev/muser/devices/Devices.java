package dev.muser.devices;

import java.util.List;
import java.util.Optional;

/** All devices that ship, in the order of their names. */
public final class Devices {
    private static final List<DeviceModel> ALL = List.of();

    private Devices() {}

    public static List<DeviceModel> all() {
        return ALL;
    }

    public static Optional<DeviceModel> find(String name) {
        return ALL.stream().filter(model -> model.name().equals(name)).findFirst();
    }
}
