package dev.muser.device.state;

import dev.muser.service.DescriptorStore;

/**
 * Where a device lives that is to outlive its process.
 *
 * @param segment its state; a predecessor's, or a new one
 * @param store its descriptors
 */
public record DeviceHome(StateSegment segment, DescriptorStore store) {}
