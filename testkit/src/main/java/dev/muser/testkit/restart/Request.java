package dev.muser.testkit.restart;

import dev.muser.device.DmaAccess;
import dev.muser.device.IrqAction;
import dev.muser.device.MigrationState;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * What a client does to a device, or what comes to pass meanwhile. Regions and interrupts are
 * numbered as in {@link dev.muser.device.Region} and {@link dev.muser.device.Irq}; offsets and
 * sizes are in bytes.
 *
 * <p>The tasks of a device's loop run with {@link Work} and {@link Settle} only, so that several
 * requests can come before a device has got round to the first. Where it would be a race between
 * client and device, what happened before is settled first.
 */
public sealed interface Request {

    /** Reads {@code count} bytes of a region, at most 4096. */
    record Read(int region, long offset, int count) implements Request {}

    /** Writes {@code bytes}, at most 4096 of them, to a region. */
    record Write(int region, long offset, MemorySegment bytes) implements Request {}

    /**
     * Maps a part of the client's memory at its own address.
     *
     * @param shared whether with a descriptor; else it is reached by message
     */
    record MapDma(long iova, long size, DmaAccess access, boolean shared) implements Request {}

    /** Ends a mapping; settles first. */
    record UnmapDma(long iova, long size) implements Request {}

    /** Ends all mappings; settles first. */
    record UnmapAllDma() implements Request {}

    /** Installs eventfds for {@code count} interrupts; for one of them it is always the same. */
    record InstallEventFds(int index, IrqAction action, int start, int count) implements Request {}

    /** Removes eventfds. */
    record RemoveEventFds(int index, IrqAction action, int start, int count) implements Request {}

    /** Masks, unmasks, or signals as a loopback test. */
    record SetIrqs(int index, IrqAction action, int start, int count) implements Request {}

    /** Turns a whole index off. */
    record DisableIrqs(int index) implements Request {}

    /**
     * The client signals an eventfd that it has installed to mask or unmask; settles first and
     * afterwards, since who signals two of them has no say in their order. Without such an eventfd
     * nothing happens.
     */
    record SignalEventFd(int index, IrqAction action, int vector) implements Request {}

    /**
     * The client signals an eventfd that stands for a write to a region; settles first. Without
     * such an eventfd nothing happens.
     *
     * @param number in the order in which the device reports them
     */
    record SignalIoEventFd(int region, int number) implements Request {}

    /** Resets the device. */
    record Reset() implements Request {}

    /** The client goes and another one comes; settles first. */
    record Reconnect() implements Request {}

    /** Moves to a state of migration. */
    record MoveTo(MigrationState target) implements Request {}

    /** Reads up to {@code count} bytes of the outgoing migration stream, at most 4096. */
    record ReadMigration(int count) implements Request {}

    /** Writes to the incoming migration stream, at most 4096 bytes. */
    record WriteMigration(MemorySegment bytes) implements Request {}

    /** The client stores to its own memory; settles first. */
    record Store(long iova, MemorySegment bytes) implements Request {}

    /**
     * The client stores to what it has mapped of a region; settles first. What it cannot map stays
     * as it is.
     */
    record StoreMapped(int region, long offset, MemorySegment bytes) implements Request {}

    /** The device's loop turns until there is nothing to do; messages stay unanswered. */
    record Work() implements Request {}

    /** The loop turns and messages are answered until all is quiet. Then the devices must agree. */
    record Settle() implements Request {}

    /** The timer that was armed for the shortest time expires; settles first and afterwards. */
    record Expire() implements Request {}

    /** All timers that are armed expire; settles first and afterwards. */
    record ExpireAll() implements Request {}

    /** Returns a write of the low {@code count} bytes, 1 to 8, of {@code value}. */
    static Write write(int region, long offset, int count, long value) {
        return new Write(region, offset, number(count, value));
    }

    /** Returns the low {@code count} bytes, 1 to 8, of {@code value}, little-endian. */
    static MemorySegment number(int count, long value) {
        var bytes = MemorySegment.ofArray(new byte[8]);
        bytes.set(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0, value);
        return bytes.asSlice(0, count).asReadOnly();
    }

    /** Whether what happened before is settled first. */
    default boolean settlesFirst() {
        return switch (this) {
            case UnmapDma _,
                    UnmapAllDma _,
                    SignalEventFd _,
                    SignalIoEventFd _,
                    Reconnect _,
                    Store _,
                    StoreMapped _,
                    Expire _,
                    ExpireAll _ ->
                    true;
            default -> false;
        };
    }

    /** Whether it is settled before the next request. */
    default boolean settlesAfterwards() {
        return switch (this) {
            case Settle _, SignalEventFd _, Expire _, ExpireAll _ -> true;
            default -> false;
        };
    }
}
