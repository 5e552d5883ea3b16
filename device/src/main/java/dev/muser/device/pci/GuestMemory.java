package dev.muser.device.pci;

import dev.muser.device.DmaAccess;
import dev.muser.device.DmaCompletion;
import dev.muser.device.DmaPort;
import dev.muser.linux.Fd;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** The memory of the client, as the device reaches it by DMA. */
public final class GuestMemory {

    /** Is told of mappings. */
    interface Listener {
        void mapped(long iova, long size, DmaAccess access);

        /** Is called before the mapping goes. */
        void unmapping(long iova, long size);
    }

    GuestMemory(int maxMappings, long maxMappingSize) {}

    void listener(Listener listener) {}

    void attach(@Nullable DmaPort port) {}

    void detach() {}

    void map(long iova, long size, DmaAccess access, @Nullable Fd file, long offset) {}

    void unmap(long iova, long size) {}

    void unmapAll() {}

    public void read(long iova, MemorySegment into, DmaCompletion completion) {}

    public void write(long iova, MemorySegment from, DmaCompletion completion) {}

    public @Nullable MemorySegment direct(long iova, long length, DmaAccess wanted) {
        return null;
    }
}
