package dev.muser.device.pci;

import dev.muser.device.MigrationState;
import dev.muser.device.VfioException;
import java.lang.foreign.MemorySegment;

/**
 * What a device moves when it migrates, as its author writes it. The framework keeps the state
 * machine and the position in the stream, which goes back to 0 on each transition.
 *
 * <p>A process that takes over a device goes on where the one before was, without {@link
 * #transition}: what a stream keeps besides is made again in {@link Device#restored}.
 *
 * <p>All methods run on the device's thread. A {@link VfioException} becomes the client's errno.
 */
public interface MigrationStream {

    /** Whether the stream can begin while the device runs; constant. */
    default boolean preCopy() {
        return true;
    }

    /**
     * The device is about to go from one state to the next. If this throws, it stays where it is;
     * but on the way to RUNNING that a reset or the loss of the client takes it, a {@link
     * VfioException} keeps it from nothing, and what is left in the device is reset afterwards.
     */
    default void transition(MigrationState from, MigrationState to) {}

    /**
     * Reads up to {@code count} bytes of the outgoing stream into {@code buffer} at {@code at}.
     *
     * @param position in the stream, in bytes since the last transition
     * @return how many; 0 at the end
     */
    int read(long position, MemorySegment buffer, long at, int count);

    /**
     * Takes {@code count} bytes of the incoming stream from {@code buffer} at {@code at}.
     *
     * @param position in the stream, in bytes since the last transition
     */
    void write(long position, MemorySegment buffer, long at, int count);
}
