package dev.muser.device.pci;

import dev.muser.device.ClientKind;
import dev.muser.device.DmaAccess;
import dev.muser.device.ResetKind;

/**
 * A PCI device, as its author writes it. Its constructor takes a {@link DeviceContext} and declares
 * there what the device is: identity, BARs with registers, interrupts, capabilities, state.
 *
 * <p>All methods, and all side effects of registers, run on the device's thread. An exception that
 * leaves one of them ends the client's session.
 */
public interface Device {

    /**
     * The device is switched on: gives fields of the {@linkplain DeviceContext#state state} the
     * values that they have when nothing has happened yet, where that is not 0. It is not called
     * when a process before this one has left them. When another build has, it is called before
     * they are read, for the fields that they lack; so it does nothing else.
     */
    default void powerOn() {}

    /**
     * Resets what registers with reset values do not cover. BARs, configuration space and
     * interrupts have been reset before; for {@link ResetKind#LOST_CLIENT} that can be switched off
     * ({@link DeviceContext#resetOnLostClient}), except that nothing is masked or pending.
     */
    default void reset(ResetKind kind) {}

    /** A client's session begins. */
    default void attached(ClientKind kind) {}

    /**
     * The state is what a process before this one left when it died or was replaced: begin again
     * what lives in Java only, such as timers, tasks and transfers that were under way. The
     * client's memory and eventfds are there, {@link #attached} and {@link #dmaMapped} have been
     * called for them. Whether or not there is a client, this comes before its next request.
     *
     * <p>Begin as the request did that asked for it, by a task or a timer of the loop, and do no
     * more here. What the state does not tell has happened at most once and perhaps not at all;
     * interrupts and DMA may be repeated. The testkit's {@code RestartCheck} tells what is missing.
     */
    default void restored() {}

    /** Client memory has become reachable. */
    default void dmaMapped(long iova, long size, DmaAccess access) {}

    /** Client memory is about to go: drop every segment of it, finish or cancel transfers. */
    default void dmaUnmapped(long iova, long size) {}

    /** Releases what the device holds outside its context. */
    default void close() {}
}
