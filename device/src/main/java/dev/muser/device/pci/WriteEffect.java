package dev.muser.device.pci;

/** What a device does when a driver has written to a register. */
@FunctionalInterface
public interface WriteEffect {
    /**
     * Hot. Runs after the store.
     *
     * @param before the register's value before the write
     * @param now its value now
     */
    void written(long before, long now);
}
