/**
 * A real QEMU with a stock Debian kernel, in which a test drives a device as its users will.
 *
 * <p>{@link dev.muser.testkit.guest.GuestVm} boots in a few seconds, needs no root and no KVM, and
 * installs nothing: {@link dev.muser.testkit.guest.Rig} fetches QEMU and the kernel once into a
 * cache. Guest scripts are shell or Python.
 */
@NullMarked
package dev.muser.testkit.guest;

import org.jspecify.annotations.NullMarked;
