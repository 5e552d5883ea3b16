/**
 * User-space drivers: {@link dev.muser.client.RemoteDevice} is the device behind a vfio-user
 * socket; {@link dev.muser.client.PciFunction} gives a driver what it needs on top of any {@link
 * dev.muser.device.VfioDevice}, remote or in the same process: configuration space, BARs, DMA
 * memory and interrupts.
 *
 * <p>Everything belongs to one thread, the driver's.
 */
@NullMarked
package dev.muser.client;

import org.jspecify.annotations.NullMarked;
