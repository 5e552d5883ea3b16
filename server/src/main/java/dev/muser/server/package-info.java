/**
 * Puts a {@link dev.muser.device.VfioDevice} behind a vfio-user socket.
 *
 * <p>A {@link dev.muser.server.Loop} is a thread that serves any number of devices; a {@link
 * dev.muser.server.DeviceServer} puts one device on a loop. Everything else here belongs to one
 * loop's thread.
 */
@NullMarked
package dev.muser.server;

import org.jspecify.annotations.NullMarked;
