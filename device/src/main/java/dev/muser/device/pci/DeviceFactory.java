package dev.muser.device.pci;

/** Makes a device. A constructor reference will do: {@code Idio16::new}. */
@FunctionalInterface
public interface DeviceFactory {

    /**
     * Declares in {@code context} what the device is and returns what answers for it. It runs once
     * for each device; the state that is declared has values only afterwards.
     */
    Device create(DeviceContext context);
}
