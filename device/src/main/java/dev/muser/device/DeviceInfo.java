package dev.muser.device;

/**
 * What a device is ({@code struct vfio_device_info}).
 *
 * @param resettable whether {@link VfioDevice#reset} works
 * @param pci whether regions and interrupts are numbered as for PCI
 * @param regions how many region indexes there are; 9 for PCI
 * @param irqs how many interrupt indexes there are; 5 for PCI
 */
public record DeviceInfo(boolean resettable, boolean pci, int regions, int irqs) {}
