package dev.muser.device.stream;

import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.SyscallException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Where what comes in of an area waits until all of it is there, so that nothing is half done. */
public final class Staging implements AutoCloseable {
    private static final int PIECE = 64 << 10;

    private final String name;
    private final long length;
    private final Fd file;

    Staging(String name, long length) {
        this.name = name;
        this.length = length;
        file = MemoryFile.create("muser-migration", length);
    }

    public String name() {
        return name;
    }

    /** Returns how long the area is, in bytes. */
    public long length() {
        return length;
    }

    void write(long offset, MemorySegment from, long at, int count) {
        writeAll(file, offset, from, at, count);
    }

    /** Returns all of it; for areas that fit into memory. */
    public MemorySegment bytes() {
        var bytes = Arena.ofAuto().allocate(length, 64);
        for (long done = 0; done < length; ) {
            int n = file.readAt(done, bytes, done, (int) Math.min(PIECE, length - done));
            done += checked("pread", n);
        }
        return bytes;
    }

    /** Puts all of it into {@code target} from {@code offset} on, which is zero there. */
    public void copyTo(Fd target, long offset) {
        try (var arena = Arena.ofConfined()) {
            var piece = arena.allocate(PIECE, 8);
            for (long at = MemoryFile.nextData(file, 0, length); at < length; ) {
                int n =
                        checked(
                                "pread",
                                file.readAt(at, piece, 0, (int) Math.min(PIECE, length - at)));
                writeAll(target, offset + at, piece, 0, n);
                at = MemoryFile.nextData(file, at + n, length);
            }
        }
    }

    private static void writeAll(Fd to, long offset, MemorySegment from, long at, int count) {
        for (int done = 0; done < count; ) {
            done += checked("pwrite", to.writeAt(offset + done, from, at + done, count - done));
        }
    }

    private static int checked(String call, int result) {
        if (result <= 0) {
            throw new SyscallException(call, result == 0 ? Errno.EIO : -result);
        }
        return result;
    }

    @Override
    public void close() {
        file.close();
    }
}
