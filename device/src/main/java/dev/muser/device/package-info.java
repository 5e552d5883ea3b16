/**
 * The contract in the middle: what VFIO says a device is, and no more.
 *
 * <p>Doors (a vfio-user server, a launcher, a test) call {@link dev.muser.device.VfioDevice};
 * devices written in Java, a client of a remote device, recorders and fault injectors implement it.
 * Descriptors and memory segments pass through it, sockets do not.
 */
@NullMarked
package dev.muser.device;

import org.jspecify.annotations.NullMarked;
