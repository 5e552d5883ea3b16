package dev.muser.device.state;

import dev.muser.service.DescriptorStore;

/**
 * Where a device lives that is to outlive its process.
 *
 * @param segment its state; a predecessor's, or a new one
 * @param store its descriptors
 * @param journal whether stores to the device's state are undone with the transaction that they
 *     belong to; without, an access may be carried out twice
 */
public record DeviceHome(StateSegment segment, DescriptorStore store, boolean journal) {

    public DeviceHome(StateSegment segment, DescriptorStore store) {
        this(segment, store, true);
    }
}
