package dev.muser.device;

import java.lang.foreign.MemorySegment;

/**
 * Reaches the memory of a client by message ({@code DMA_READ}, {@code DMA_WRITE}), where it gave no
 * descriptor.
 *
 * <p>Calls come from the device's thread and return at once. Requests go out after the reply to
 * what the device is handling, because QEMU answers none before; they are done in the order of the
 * calls. Segments stay the port's until the completion. A port refuses with EBUSY when too many
 * wait for a client that does not answer.
 */
public interface DmaPort {

    /** Reads client memory from {@code iova} until {@code into} is full. */
    void read(long iova, MemorySegment into, DmaCompletion completion);

    /** Writes all of {@code from} to client memory at {@code iova}. */
    void write(long iova, MemorySegment from, DmaCompletion completion);

    /**
     * The device has been reset: what it has asked for and has not gone to the client is not asked
     * for any more, and completes with ECANCELED. What has gone cannot be called back. Nothing in a
     * port from which it goes at once.
     */
    default void cancel() {}
}
