package dev.muser.testkit.restart;

import dev.muser.device.VfioDevice;
import dev.muser.device.pci.RegisterSnapshot;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** What a {@link RequestGenerator} can see. Looking changes nothing. */
public interface DeviceView {

    /** Returns the size of a region, 0 for one that is not there. */
    long regionSize(int region);

    /** Returns how many eventfds stand for writes to a region. */
    int ioEventFds(int region);

    /** Returns how many interrupts an index has. */
    int interrupts(int index);

    /** Returns how many timers are armed. */
    int timers();

    /** Whether it can migrate ({@link VfioDevice#migration}). */
    boolean migrates();

    /**
     * Whether its author writes the stream of its migration, which then survives a restart; one
     * that is made from the device's state has to be begun again.
     */
    default boolean hasOwnStream() {
        return false;
    }

    /** Returns the registers of a region, by ascending offset. */
    List<RegisterSnapshot> registers(int region);

    /** Returns the client's memory, read-only; it is {@link #memoryAt} for the device. */
    MemorySegment memory();

    /** Returns the address of the client's memory. */
    long memoryAt();

    /** Returns what is mapped of it now, in the order in which it was mapped. */
    List<Request.MapDma> mappings();
}
