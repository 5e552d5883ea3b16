package dev.muser.client;

import dev.muser.device.DmaAccess;
import dev.muser.device.VfioDevice;
import dev.muser.linux.Fd;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.SyscallException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Memory that driver and device share, from {@link DmaSpace#allocate}. The driver uses {@link
 * #segment}, the device is told {@link #iova()}.
 *
 * <p>The memory is zeroed, sealed against a change of its size, and in no file system. Closing
 * takes it back from the device, then frees it; a segment used afterwards throws {@link
 * IllegalStateException}.
 */
public final class DmaBuffer implements AutoCloseable {
    static final long HUGE_PAGE = 2L << 20;

    private final DmaSpace space;
    private final long iova;
    private final DmaAccess access;
    private final boolean hugePages;
    private final MemorySegment segment;
    private final AutoCloseable memory;
    private boolean closed;

    private DmaBuffer(
            DmaSpace space,
            long iova,
            DmaAccess access,
            boolean hugePages,
            MemorySegment segment,
            AutoCloseable memory) {
        this.space = space;
        this.iova = iova;
        this.access = access;
        this.hugePages = hugePages;
        this.segment = segment;
        this.memory = memory;
    }

    /** Hot. Returns the bytes. */
    public MemorySegment segment() {
        return segment;
    }

    /** Hot. Returns the address that the device knows the first byte by. */
    public long iova() {
        return iova;
    }

    /** Hot. Returns the address that the device knows the byte at {@code offset} by. */
    public long iova(long offset) {
        return iova + offset;
    }

    /** Returns the size in bytes: what was asked for, rounded up to whole pages. */
    public long size() {
        return segment.byteSize();
    }

    /** Returns what the device may do with it. */
    public DmaAccess access() {
        return access;
    }

    /** Whether it has 2 MiB pages. */
    public boolean hugePages() {
        return hugePages;
    }

    /** Takes the memory back from the device, then frees it. Idempotent. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            try {
                space.release(this);
            } finally {
                free(memory);
            }
        }
    }

    /** Makes memory and maps it into the device; {@code size} is whole pages. */
    static DmaBuffer create(
            DmaSpace space, VfioDevice device, long size, DmaAccess access, DmaMemory kind) {
        if (kind == DmaMemory.MESSAGES) {
            var arena = Arena.ofShared();
            return map(space, device, access, false, arena.allocate(size, 4096), arena, null);
        }
        var huge = kind == DmaMemory.HUGE_PAGES ? createHuge(size) : null;
        var file = huge == null ? MemoryFile.create("muser-dma", size) : huge.file;
        var mapping = huge == null ? mapSealed(file, size) : huge.mapping;
        return map(space, device, access, huge != null, mapping.segment(), mapping, file);
    }

    private static DmaBuffer map(
            DmaSpace space,
            VfioDevice device,
            DmaAccess access,
            boolean hugePages,
            MemorySegment segment,
            AutoCloseable memory,
            @Nullable Fd file) {
        long iova = space.takeIova(segment.byteSize(), hugePages ? HUGE_PAGE : 4096);
        var buffer = new DmaBuffer(space, iova, access, hugePages, segment, memory);
        // The device may reach for it at once.
        space.add(buffer);
        try {
            device.mapDma(iova, segment.byteSize(), access, file, 0);
            return buffer;
        } catch (RuntimeException e) {
            buffer.closed = true;
            space.forget(buffer);
            free(memory);
            throw e;
        }
    }

    private record Huge(Fd file, Mapping mapping) {}

    /** Returns null when the system has no 2 MiB pages, or not enough: mapping finds out. */
    private static @Nullable Huge createHuge(long size) {
        Fd file;
        try {
            file = MemoryFile.createHuge("muser-dma", size);
        } catch (SyscallException e) {
            return null;
        }
        try {
            return new Huge(file, mapSealed(file, size));
        } catch (SyscallException e) {
            return null;
        }
    }

    private static Mapping mapSealed(Fd file, long size) {
        try {
            MemoryFile.seal(
                    file, MemoryFile.SEAL_SHRINK | MemoryFile.SEAL_GROW | MemoryFile.SEAL_SEAL);
            return Mapping.shared(file, 0, size, Mapping.Access.READ_WRITE);
        } catch (SyscallException e) {
            file.close();
            throw e;
        }
    }

    private static void free(AutoCloseable memory) {
        switch (memory) {
            case Arena arena -> arena.close();
            case Mapping mapping -> mapping.close();
            default -> throw new AssertionError(memory);
        }
    }
}
