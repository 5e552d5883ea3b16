package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** {@code struct sockaddr_un}: family u16 @0, NUL-terminated path @2; 110 bytes. */
final class SocketAddress {
    static final int SIZE = 110;
    static final int AF_UNIX = 1;

    /** Bytes that a path may have, its NUL not counted. */
    static final int MAX_PATH = 107;

    private SocketAddress() {}

    /**
     * Writes an address of {@code unix(7)} as {@code $NOTIFY_SOCKET} has it: a path, or '@' and a
     * name outside the file system. Such a name is as long as the result says.
     */
    static MemorySegment of(String address, Arena arena) {
        if (!address.startsWith("@")) {
            return of(Path.of(address), arena);
        }
        var bytes = address.getBytes(StandardCharsets.UTF_8);
        if (bytes.length > MAX_PATH + 1) {
            throw new SyscallException("socket address " + address, Errno.ENAMETOOLONG);
        }
        var written = arena.allocate(2L + bytes.length, 8);
        written.set(JAVA_SHORT, 0, (short) AF_UNIX);
        // the '@' stands for a NUL
        MemorySegment.copy(bytes, 1, written, JAVA_BYTE, 3, bytes.length - 1);
        return written;
    }

    /** Writes the address of {@code path}; throws ENAMETOOLONG over 107 bytes. */
    static MemorySegment of(Path path, Arena arena) {
        var bytes = path.toString().getBytes(StandardCharsets.UTF_8);
        if (bytes.length > MAX_PATH) {
            throw new SyscallException(
                    "socket path of %d bytes, where at most %d fit: %s"
                            .formatted(bytes.length, MAX_PATH, path),
                    Errno.ENAMETOOLONG);
        }
        if (bytes.length == 0) {
            // to the kernel it would be a name outside the file system
            throw new SyscallException("empty socket path", Errno.ENOENT);
        }
        var address = arena.allocate(SIZE, 8);
        address.set(JAVA_SHORT, 0, (short) AF_UNIX);
        MemorySegment.copy(bytes, 0, address, JAVA_BYTE, 2, bytes.length);
        return address;
    }
}
