package dev.muser.device;

/**
 * What an interrupt index is ({@code struct vfio_irq_info}).
 *
 * @param count how many interrupts (vectors) it has; 0 when the device does not have it
 * @param eventFd whether they can be delivered to eventfds
 * @param maskable whether the client can mask and unmask them
 * @param autoMasked whether delivery masks them until the client unmasks
 * @param noResize whether the client must set them all at once
 */
public record IrqInfo(
        int count, boolean eventFd, boolean maskable, boolean autoMasked, boolean noResize) {}
