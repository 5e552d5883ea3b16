package dev.muser.devices.storage;

import dev.muser.linux.BlockDevice;
import dev.muser.linux.DirectAlignment;
import dev.muser.linux.DiskFile;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.FileStatus;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.SyscallException;
import java.nio.file.Path;

/**
 * An image that has been opened and checked. It is locked with {@code flock(2)}, at once or later.
 *
 * @param memoryAlignment addresses of data are multiples of this; 1 through the page cache
 * @param unlocks whether closing it gives the lock back
 */
record OpenedImage(
        Path path,
        Fd fd,
        StorageInfo info,
        boolean blockDevice,
        int memoryAlignment,
        boolean unlocks)
        implements AutoCloseable {
    private static final int SECTOR = 512;

    /** Opens it, or says in one line why not. */
    static OpenedImage open(Path path, FileOptions options) {
        var fd = descriptor(path, options);
        try {
            var status = FileStatus.of(fd);
            boolean blockDevice = status.isBlockDevice();
            if (blockDevice && !options.readOnly()) {
                // again, so that nothing mounted is overwritten
                fd.close();
                fd = options.files().open(path, flags(options) | DiskFile.EXCLUSIVE);
            }
            var image = check(path, fd, blockDevice, options);
            if (!options.incoming() || options.readOnly()) {
                image.lock();
            }
            return image;
        } catch (SyscallException e) {
            fd.close();
            throw explain(path, options, e);
        } catch (StorageException e) {
            fd.close();
            throw e;
        }
    }

    /**
     * Takes an image that a process before this one has opened, with its lock if it had that.
     *
     * @param fd belongs to the image from now on, also when this throws
     */
    static OpenedImage adopt(Path path, Fd fd, FileOptions options) {
        try {
            return check(path, fd, FileStatus.of(fd).isBlockDevice(), options);
        } catch (SyscallException e) {
            fd.close();
            throw explain(path, options, e);
        } catch (StorageException e) {
            fd.close();
            throw e;
        }
    }

    /** Returns the same image, as another descriptor of it, which has no lock of its own. */
    OpenedImage openedAnew(Fd other) {
        return new OpenedImage(path, other, info, blockDevice, memoryAlignment, false);
    }

    static int flags(FileOptions options) {
        return (options.readOnly() ? DiskFile.READ_ONLY : DiskFile.READ_WRITE)
                | (options.direct() ? DiskFile.DIRECT : 0);
    }

    private static Fd descriptor(Path path, FileOptions options) {
        try {
            return options.files().open(path, flags(options));
        } catch (SyscallException e) {
            if (e.errno() == Errno.ENOENT && options.incoming()) {
                throw new StorageException(
                        "no such image %s: what moves in here has its bytes there already"
                                .formatted(path),
                        e);
            }
            if (e.errno() == Errno.ENOENT && options.create() > 0) {
                return create(path, options);
            }
            throw explain(path, options, e);
        }
    }

    private static Fd create(Path path, FileOptions options) {
        if (options.readOnly()) {
            throw new StorageException(
                    "no such image %s: it is not created to be read only".formatted(path));
        }
        requireSize(path, options.create(), SECTOR);
        Fd fd;
        try {
            fd = options.files().open(path, flags(options) | DiskFile.CREATE_NEW);
        } catch (SyscallException e) {
            throw explain(path, options, e);
        }
        try {
            MemoryFile.resize(fd, options.create());
            return fd;
        } catch (SyscallException e) {
            fd.close();
            boolean ignored = options.files().delete(path);
            throw new StorageException(
                    "cannot make %s %d bytes long: %s"
                            .formatted(path, options.create(), Errno.describe(e.errno())),
                    e);
        }
    }

    private static OpenedImage check(Path path, Fd fd, boolean blockDevice, FileOptions options) {
        var status = FileStatus.of(fd);
        if (!status.isRegular() && !blockDevice) {
            throw new StorageException(
                    "%s is %s: an image is a regular file or a block device"
                            .formatted(path, status.isDirectory() ? "a directory" : "neither"));
        }
        long size = blockDevice ? BlockDevice.size(fd) : status.size();
        if (options.create() > 0 && size != options.create()) {
            throw new StorageException(
                    "%s is there already, with %d bytes, not %d: leave the size away"
                            .formatted(path, size, options.create()));
        }
        int memory = 1;
        int alignment = 1;
        if (options.direct()) {
            var direct = DirectAlignment.of(fd);
            memory = direct.memory();
            alignment = direct.offset();
            if (alignment < 1 || alignment > 4096 || memory < 1 || memory > 4096) {
                throw new StorageException(noDirect(path));
            }
        }
        requireSize(path, size, Math.max(alignment, SECTOR));
        boolean discards = !options.readOnly() && discards(fd, blockDevice, size);
        var info =
                new StorageInfo(
                        size,
                        alignment,
                        options.readOnly(),
                        !options.readOnly(),
                        discards,
                        discards && !blockDevice);
        return new OpenedImage(path, fd, info, blockDevice, memory, true);
    }

    /**
     * Locks it, unless it is by this descriptor.
     *
     * @throws StorageException when another process has it
     */
    void lock() {
        try {
            if (!DiskFile.tryLock(fd, !info.readOnly())) {
                throw new StorageException(
                        "%s is locked: another muser, or a program like it, uses it%s"
                                .formatted(
                                        path, info.readOnly() ? "; several can only read it" : ""));
            }
        } catch (SyscallException e) {
            throw new StorageException(
                    "%s cannot be locked: %s".formatted(path, Errno.describe(e.errno())), e);
        }
    }

    void unlock() {
        DiskFile.unlock(fd);
    }

    /** Returns its size in bytes now, which somebody may have changed since it was opened. */
    long presentSize() {
        return blockDevice ? BlockDevice.size(fd) : FileStatus.of(fd).size();
    }

    /** Whether room can be given back. */
    private static boolean discards(Fd fd, boolean blockDevice, long size) {
        if (blockDevice) {
            return BlockDevice.discards(fd);
        }
        // behind the end there is nothing to lose
        long behind = (size + 0xf_ffff) & ~0xf_ffffL;
        return DiskFile.allocate(fd, DiskFile.PUNCH_HOLE, behind, 4096) == 0;
    }

    private static void requireSize(Path path, long size, int multiple) {
        if (size < multiple) {
            throw new StorageException(
                    "%s is too small: it has %d bytes, and a disk at least %d"
                            .formatted(path, size, multiple));
        }
        if (size % multiple != 0) {
            throw new StorageException(
                    "%s has %d bytes, which is no multiple of %d%s"
                            .formatted(
                                    path,
                                    size,
                                    multiple,
                                    multiple > SECTOR ? ", as direct I/O needs here" : ""));
        }
    }

    static StorageException explain(Path path, FileOptions options, SyscallException e) {
        var text =
                switch (e.errno()) {
                    case Errno.ENOENT -> "no such image %s: create it with --size".formatted(path);
                    case Errno.ENOTDIR ->
                            "no such image %s: a part of the path is no directory".formatted(path);
                    case Errno.EISDIR ->
                            "%s is a directory: an image is a regular file or a block device"
                                    .formatted(path);
                    case Errno.EACCES, Errno.EPERM ->
                            "no permission to %s %s%s"
                                    .formatted(
                                            options.readOnly() ? "read" : "write",
                                            path,
                                            options.readOnly()
                                                    ? ""
                                                    : ": change its rights, or use it read only");
                    case Errno.EROFS ->
                            "%s is on a read-only file system: use it read only".formatted(path);
                    case Errno.ETXTBSY ->
                            "%s is used by the system, as a program or for swapping"
                                    .formatted(path);
                    case Errno.EBUSY ->
                            "%s is in use: mounted, or opened by another program%s"
                                    .formatted(
                                            path,
                                            options.incoming()
                                                    ? "; a block device moves between machines only"
                                                    : "");
                    case Errno.EINVAL ->
                            options.direct()
                                    ? noDirect(path)
                                    : "cannot open %s: %s"
                                            .formatted(path, Errno.describe(e.errno()));
                    default -> "cannot open %s: %s".formatted(path, Errno.describe(e.errno()));
                };
        return new StorageException(text, e);
    }

    private static String noDirect(Path path) {
        return "%s is on a file system without direct I/O: use it through the page cache"
                .formatted(path);
    }

    /** Gives the descriptor back, and the lock if that is its own. */
    @Override
    public void close() {
        if (fd.isOpen()) {
            if (unlocks) {
                DiskFile.unlock(fd);
            }
            fd.close();
        }
    }
}
