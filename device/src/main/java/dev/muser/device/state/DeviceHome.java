package dev.muser.device.state;

import dev.muser.service.DescriptorStore;
import dev.muser.service.Predecessor;
import org.jspecify.annotations.Nullable;

/**
 * Where a device lives that is to outlive its process.
 *
 * @param segment its state; a predecessor's, or a new one
 * @param store its descriptors
 * @param journal whether stores to the device's state are undone with the transaction that they
 *     belong to; without, an access may be carried out twice
 * @param predecessor the process that has left what is there, if that may not have ended; a {@link
 *     dev.muser.device.VfioDevice} for which the system reads or writes a client's memory awaits
 *     its end before it does so itself
 */
public record DeviceHome(
        StateSegment segment,
        DescriptorStore store,
        boolean journal,
        @Nullable Predecessor predecessor) {

    public DeviceHome(StateSegment segment, DescriptorStore store) {
        this(segment, store, true, null);
    }
}
