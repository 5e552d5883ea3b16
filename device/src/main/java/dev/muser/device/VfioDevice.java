package dev.muser.device;

import dev.muser.linux.Fd;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A device as VFIO defines it ({@code linux/vfio.h}; vfio-user specification).
 *
 * <p><b>Threads.</b> All calls come from one thread, the device's own; none may block on its
 * client.
 *
 * <p><b>Errors.</b> A call that is refused throws {@link VfioException} with the errno for the
 * client, and has changed nothing.
 *
 * <p><b>Descriptors</b> passed to a call belong to the device from then on, also when the call
 * throws. Descriptors in results stay the device's.
 *
 * <p><b>Sessions.</b> {@link #attach} begins a client's session and {@link #detach} ends it; only
 * one client is attached at a time. Everything about the client (DMA mappings, eventfds) ends with
 * its session, and what the device is stays.
 */
public interface VfioDevice extends AutoCloseable {

    /** Returns what the device is; constant. */
    DeviceInfo info();

    /**
     * Returns what region {@code index} is; constant during a session.
     *
     * @throws VfioException EINVAL when {@code index} is not below {@link DeviceInfo#regions}
     */
    RegionInfo regionInfo(int index);

    /**
     * Returns what interrupt index {@code index} is; constant.
     *
     * @throws VfioException EINVAL when {@code index} is not below {@link DeviceInfo#irqs}
     */
    IrqInfo irqInfo(int index);

    /**
     * Returns the descriptors that stand for writes to a region, newest first.
     *
     * @throws VfioException EINVAL when there is no such region
     */
    List<IoEventFd> ioEventFds(int region);

    /**
     * Begins a client's session.
     *
     * @param port reaches the client's memory by message; null when the client only has memory with
     *     descriptors
     */
    void attach(@Nullable DmaPort port);

    /** As {@link #attach(DmaPort)}, for a door that knows what kind of client it has. */
    default void attach(@Nullable DmaPort port, ClientKind kind) {
        attach(port);
    }

    /**
     * Ends the client's session: unmaps its memory, forgets its eventfds, and resets the device in
     * the way that its author chose for a lost client. Does nothing without a session.
     */
    void detach();

    /**
     * Goes on from what a process before this one left: its session, if it had one, has been built
     * up again by {@link #attach}, {@link #setIrqEventFds} and {@link #mapDma}, in this order, and
     * the next request is the one after the last that was handled. What is pending is signalled
     * now, and not when an eventfd is installed.
     */
    default void restored() {}

    /**
     * Hot. Reads {@code count} bytes at {@code offset} of region {@code region} into {@code buffer}
     * at {@code at}. Any count and alignment; reading may have side effects.
     *
     * @throws VfioException EINVAL beyond the region's end, or when it cannot be read
     */
    void readRegion(int region, long offset, MemorySegment buffer, long at, int count);

    /**
     * Hot. Writes {@code count} bytes from {@code buffer} at {@code at}; as {@link #readRegion}.
     */
    void writeRegion(int region, long offset, MemorySegment buffer, long at, int count);

    /**
     * Makes client memory reachable for DMA.
     *
     * @param iova the first address, as the device sees it; {@code iova + size} does not wrap
     * @param size in bytes, more than 0
     * @param file the memory, or null when it is reached by message ({@link DmaPort})
     * @param offset where {@code iova} lies in {@code file}, in bytes
     * @throws VfioException EEXIST when it overlaps a mapping that differs, ENOSPC when it is
     *     larger than the device allows, EINVAL when there are as many mappings as the device
     *     allows, or the file is too short, ENOMEM when the process can map no further file, or
     *     what {@code mmap} says (ENODEV: no memory). Mapping the very same range again succeeds
     *     and changes nothing.
     */
    void mapDma(long iova, long size, DmaAccess access, @Nullable Fd file, long offset);

    /**
     * Ends all mappings in a range: afterwards the device no longer touches that memory. As with
     * the kernel's VFIO, the range may have gaps, and cuts no mapping in two ({@code
     * VFIO_IOMMU_UNMAP_DMA}).
     *
     * @throws VfioException ENOENT when there is no mapping in the range, or one that is not wholly
     *     in it; then nothing has changed
     */
    void unmapDma(long iova, long size);

    /** Ends all mappings. */
    void unmapAllDma();

    /**
     * Hot. Acts on interrupts {@code start} to {@code start + count - 1} of an index ({@code
     * VFIO_IRQ_SET_DATA_NONE}): masks, unmasks, or signals their eventfds as a loopback test.
     *
     * @throws VfioException EINVAL when they are not all there, or cannot be masked
     */
    void setIrqs(int index, IrqAction action, int start, int count);

    /** As {@link #setIrqs(int, IrqAction, int, int)} for those where {@code selected} is true. */
    void setIrqs(int index, IrqAction action, int start, boolean[] selected);

    /**
     * Installs eventfds for interrupts from {@code start}, one each ({@code
     * VFIO_IRQ_SET_DATA_EVENTFD}): those that the device signals ({@link IrqAction#TRIGGER}), or,
     * for INTx, those whose signal masks or unmasks it. Replaces what was there.
     *
     * @throws VfioException EINVAL as above, or when a descriptor is no eventfd
     */
    void setIrqEventFds(int index, IrqAction action, int start, List<Fd> eventFds);

    /** Removes the eventfds of interrupts {@code start} to {@code start + count - 1}. */
    void clearIrqEventFds(int index, IrqAction action, int start, int count);

    /**
     * Turns a whole index off: no eventfds, nothing masked, and nothing pending, unless the driver
     * has it on.
     */
    void disableIrqs(int index);

    /**
     * Resets the device ({@code VFIO_DEVICE_RESET}). Mappings and eventfds stay. A migration that
     * was going on is over: the device runs.
     *
     * @throws VfioException EINVAL when it cannot be reset
     */
    void reset();

    /**
     * Returns how many DMA mappings there can be at a time: 65535, which clients assume when nobody
     * says otherwise (vfio-user, VERSION, {@code max_dma_maps}), or another number above 0.
     */
    default int maxDmaMaps() {
        return 65535;
    }

    /** Returns the log of what the device writes to its client's memory, or null without one. */
    default @Nullable DirtyLog dirtyLog() {
        return null;
    }

    /** Returns the device's migration, or null when it has none. */
    @Nullable Migration migration();

    /** Releases what the device holds. A session that is open ends first. */
    @Override
    void close();
}
