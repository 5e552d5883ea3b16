package dev.muser.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A shared mapping of a file, unmapped when it is closed.
 *
 * <p>The segment's life is that of an {@link Arena} which the caller chooses: a confined one makes
 * every use after {@link #close} an {@link IllegalStateException} at no cost, but ties the mapping
 * to one thread; a shared one may be used by any thread and costs tens of microseconds to close.
 */
public final class Mapping implements AutoCloseable {
    /** {@code mmap(2)}'s protections. */
    public enum Access {
        READ(1),
        WRITE(2),
        READ_WRITE(3);

        private final int prot;

        Access(int prot) {
            this.prot = prot;
        }
    }

    private static final int MAP_SHARED = 1;
    private static final int MADV_DONTDUMP = 16;

    private final Arena arena;
    private final MemorySegment segment;

    private Mapping(Arena arena, MemorySegment segment) {
        this.arena = arena;
        this.segment = segment;
    }

    /**
     * Maps {@code length} bytes from {@code offset} for this thread alone.
     *
     * @param offset in bytes, a multiple of the file's page size
     * @param length in bytes, more than 0
     */
    public static Mapping confined(Fd fd, long offset, long length, Access access) {
        return map(Arena.ofConfined(), fd, offset, length, access);
    }

    /** As {@link #confined}, for any thread. */
    public static Mapping shared(Fd fd, long offset, long length, Access access) {
        return map(Arena.ofShared(), fd, offset, length, access);
    }

    private static Mapping map(Arena arena, Fd fd, long offset, long length, Access access) {
        long address =
                Syscall.call(Syscall.MMAP, 0, length, access.prot, MAP_SHARED, fd.number(), offset);
        if (address < 0) {
            arena.close();
            throw new SyscallException("mmap", (int) -address);
        }
        var segment =
                MemorySegment.ofAddress(address)
                        .reinterpret(
                                length,
                                arena,
                                gone ->
                                        Syscall.call(
                                                Syscall.MUNMAP, gone.address(), gone.byteSize()));
        return new Mapping(arena, access == Access.READ ? segment.asReadOnly() : segment);
    }

    /** Hot. Returns the mapped bytes; read-only when mapped so. */
    public MemorySegment segment() {
        return segment;
    }

    /** Keeps the memory out of core dumps: it is another program's. */
    public void excludeFromDumps() {
        Syscall.call(Syscall.MADVISE, segment.address(), segment.byteSize(), MADV_DONTDUMP);
    }

    /** Unmaps. A confined mapping must be closed by the thread that made it. Idempotent. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
