/**
 * What the author of a PCI device writes with: configuration space, BARs with named registers,
 * interrupts, guest memory, device state.
 */
@NullMarked
package dev.muser.device.pci;

import org.jspecify.annotations.NullMarked;
