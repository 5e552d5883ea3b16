package dev.muser.device.pci;

import dev.muser.device.stream.MovedArea;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.SyscallException;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Memory outside of a device's state that is part of what the device is, and moves with it when it
 * migrates: {@link Device#movedMemory}. At the far side there has to be memory of the same name and
 * size; what was there is replaced.
 *
 * @param name unique among those of the device; printable ASCII without spaces
 * @param file memory of this process ({@code memfd_create}), which stays the device's
 * @param offset where in the file it begins, in bytes, a multiple of 4096
 * @param size in bytes
 */
public record MovedMemory(String name, Fd file, long offset, long size) {

    public MovedMemory {
        Objects.requireNonNull(file);
        if (name.isEmpty() || name.chars().anyMatch(c -> c <= ' ' || c > '~')) {
            throw new IllegalArgumentException(
                    "memory '" + name + "': must be printable ASCII without spaces");
        }
        if (offset < 0 || offset % BackedMemory.PAGE != 0 || size <= 0) {
            throw new IllegalArgumentException(
                    "memory %s of %d bytes at %d: must begin on a page and have bytes"
                            .formatted(name, size, offset));
        }
    }

    MovedArea area() {
        return new Area(this);
    }

    /** As a stream sees it. */
    private record Area(MovedMemory memory) implements MovedArea {
        @Override
        public String name() {
            return memory.name;
        }

        @Override
        public int version() {
            return 1;
        }

        @Override
        public long length() {
            return memory.size;
        }

        @Override
        public long nextData(long from) {
            return MemoryFile.nextData(
                            memory.file, memory.offset + from, memory.offset + memory.size)
                    - memory.offset;
        }

        @Override
        public void read(long offset, MemorySegment into, long at, int count) {
            for (int done = 0; done < count; ) {
                int n =
                        memory.file.readAt(
                                memory.offset + offset + done, into, at + done, count - done);
                if (n <= 0) {
                    throw new SyscallException("pread of " + memory.name, n == 0 ? Errno.EIO : -n);
                }
                done += n;
            }
        }
    }
}
