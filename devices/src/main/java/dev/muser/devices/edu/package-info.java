/** QEMU's educational device. */
@NullMarked
package dev.muser.devices.edu;

import org.jspecify.annotations.NullMarked;
