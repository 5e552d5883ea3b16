/**
 * Where a disk's bytes are: the interface of storage engines, and the engines that ship. No device
 * and no protocol of one is known here.
 */
@NullMarked
package dev.muser.devices.storage;

import org.jspecify.annotations.NullMarked;
