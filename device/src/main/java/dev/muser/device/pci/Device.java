package dev.muser.device.pci;

import dev.muser.device.ClientKind;
import dev.muser.device.DmaAccess;
import dev.muser.device.ResetKind;
import java.util.List;
import java.util.Map;

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
     *
     * <p>A device to which another one has been migrated is told so too: it has been reset, and its
     * state is the other's.
     */
    default void restored() {}

    /** Another device has been migrated to this one; after {@link #restored}. */
    default void movedHere() {}

    /**
     * The device is to stand still, since it is about to be migrated: begin nothing more that goes
     * on outside of the loop's thread, such as requests to a storage. What is under way there may
     * end meanwhile. Called again until it says that nothing is; then nothing on its loop runs
     * before {@link #resume}, and of the device itself only what registers do. What it has begun on
     * the loop, timers too, waits by itself.
     *
     * @return whether nothing is under way outside of the loop's thread
     * @throws dev.muser.device.VfioException when it cannot stand still: it is to {@link #resume}
     */
    default boolean quiesce() {
        return true;
    }

    /**
     * The device is being copied while it runs, and is to stand still soon: what {@link #quiesce}
     * would have to wait for then can begin now.
     */
    default void moveExpected() {}

    /**
     * The device stands still, and another one is about to be told what it is. What only one of
     * them can have at a time, such as the lock of a file, is given up before this returns.
     */
    default void handOver() {}

    /**
     * The device is to go on, since its client says so, after {@link #handOver} or {@link
     * #movedHere}: takes what only one can have. It is not called when the device goes on because
     * its client is lost or resets it: nobody knows then where it is to go on, so what was given up
     * stays so.
     *
     * @throws dev.muser.device.VfioException EBUSY when another has it; the device stays as it is
     */
    default void takeOver() {}

    /**
     * The device goes on, after {@link #quiesce}, or, at the far side of a migration, after {@link
     * #restored}.
     */
    default void resume() {}

    /**
     * Returns what has to be the same at both ends of a migration, besides PCI's identifiers and
     * the BARs, as printable ASCII: options that make a difference, such as a serial number or a
     * size. Keys have no spaces.
     */
    default Map<String, String> traits() {
        return Map.of();
    }

    /** Returns memory beside the state and the BARs that moves with the device when it migrates. */
    default List<MovedMemory> movedMemory() {
        return List.of();
    }

    /** Client memory has become reachable. */
    default void dmaMapped(long iova, long size, DmaAccess access) {}

    /** Client memory is about to go: drop every segment of it, finish or cancel transfers. */
    default void dmaUnmapped(long iova, long size) {}

    /** Releases what the device holds outside its context. */
    default void close() {}
}
