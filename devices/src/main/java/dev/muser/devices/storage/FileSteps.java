package dev.muser.devices.storage;

import static dev.muser.devices.storage.StorageOperation.READ;
import static dev.muser.devices.storage.StorageOperation.WRITE;

import dev.muser.linux.DiskFile;
import dev.muser.linux.Errno;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Which system calls a request takes: what is short is continued, what the file system cannot do is
 * done otherwise. Methods return {@link #MORE} when the transfer has its next call, else the errno,
 * or 0, to complete the request with. On the loop's thread; knows nothing of engines.
 */
final class FileSteps {
    /** There is a call to make. */
    static final int MORE = -1;

    private static final int RETRIES = 1000;

    /** Zeros to write where nothing else makes them. */
    private static final MemorySegment ZEROS = Arena.global().allocate(256 * 1024, 4096);

    private static final long ZEROS_AT_ONCE = 2L << 20;

    private final OpenedImage image;
    private final FileTrouble trouble;
    private final boolean aligned;
    private final long memoryMask;
    private final long lengthMask;

    /** What has turned out not to work here. */
    private boolean noDiscard;

    private boolean noPunch;
    private boolean noZeroRange;

    FileSteps(OpenedImage image) {
        this.image = image;
        trouble = new FileTrouble(image.path());
        memoryMask = image.memoryAlignment() - 1L;
        lengthMask = image.info().alignment() - 1L;
        aligned = (memoryMask | lengthMask) != 0;
    }

    /** Hot. Returns what a request completes with at once, or {@link #MORE} when it can begin. */
    int refuse(StorageRequest request) {
        var info = image.info();
        long offset = request.offset();
        long length = request.length();
        if (offset < 0 || length < 0 || length > info.size() - offset) {
            return Errno.EINVAL;
        }
        return switch (request.operation()) {
            case READ -> length == 0 ? 0 : MORE;
            case FLUSH -> info.readOnly() ? 0 : MORE;
            case WRITE, ZERO -> info.readOnly() ? Errno.EROFS : length == 0 ? 0 : MORE;
            case DISCARD -> info.readOnly() ? Errno.EROFS : length == 0 || noDiscard ? 0 : MORE;
        };
    }

    /** Hot. Whether the client's memory does not suit direct I/O. */
    boolean needsBounce(StorageRequest request) {
        if (!aligned || (request.operation() != READ && request.operation() != WRITE)) {
            return false;
        }
        int pieces = request.pieces();
        for (int i = 0; i < pieces; i++) {
            if ((request.pieceAddress(i) & memoryMask) != 0
                    || (request.pieceLength(i) & lengthMask) != 0) {
                return true;
            }
        }
        return false;
    }

    /** Hot. */
    int first(Transfer t) {
        var request = t.request();
        return switch (request.operation()) {
            case READ -> {
                t.call = Transfer.Call.READ;
                yield move(t);
            }
            case WRITE -> {
                t.call = Transfer.Call.WRITE;
                t.flags = request.forceUnitAccess() ? DiskFile.WRITE_DURABLY : 0;
                yield move(t);
            }
            case FLUSH -> {
                t.call = Transfer.Call.SYNC;
                yield MORE;
            }
            case DISCARD -> {
                if (image.blockDevice()) {
                    t.range(Transfer.Call.DISCARD, 0);
                } else {
                    t.range(Transfer.Call.ALLOCATE, DiskFile.PUNCH_HOLE);
                }
                yield MORE;
            }
            case ZERO -> {
                zero(t);
                yield MORE;
            }
        };
    }

    /** The next part of a read or write. */
    private int move(Transfer t) {
        var bounce = t.bounce;
        if (bounce == null) {
            t.gather();
            // pieces that are shorter than the request have nowhere to put the rest
            return t.length == 0 ? Errno.EFAULT : MORE;
        }
        t.gather(bounce.memory, BounceBuffer.SIZE);
        return t.call == Transfer.Call.WRITE
                ? moreUnless(t.request().get(t.done, bounce.memory, 0, t.length))
                : MORE;
    }

    /** Prepares the call anew that was to be next: memory may have gone since. */
    int again(Transfer t) {
        return t.touchesClient() ? move(t) : MORE;
    }

    private static int moreUnless(int errno) {
        return errno == 0 ? MORE : errno;
    }

    private void zero(Transfer t) {
        if (t.request().mayDeallocate() && !noPunch) {
            t.range(Transfer.Call.ALLOCATE, DiskFile.PUNCH_HOLE);
        } else if (!noZeroRange) {
            t.range(Transfer.Call.ALLOCATE, DiskFile.ZERO_RANGE);
        } else {
            writeZeros(t);
        }
    }

    private static void writeZeros(Transfer t) {
        t.writesZeros = true;
        t.call = Transfer.Call.WRITE;
        t.flags = t.request().forceUnitAccess() ? DiskFile.WRITE_DURABLY : 0;
        t.gather(ZEROS, ZEROS_AT_ONCE);
    }

    /** Hot. After a call that returned {@code result}, a count of bytes or {@code -errno}. */
    int next(Transfer t, long result) {
        if ((result == -Errno.EINTR || result == -Errno.EAGAIN) && t.retries++ < RETRIES) {
            return again(t);
        }
        int errno =
                switch (t.call) {
                    case READ, WRITE -> moved(t, result);
                    case SYNC -> (int) -result;
                    case ALLOCATE -> allocated(t, result);
                    case DISCARD -> discarded(t, result);
                };
        if (errno > 0) {
            trouble.note(t.call, t.position, errno);
        }
        return errno;
    }

    private int moved(Transfer t, long result) {
        if (result <= 0) {
            return result == 0 ? Errno.EIO : (int) -result; // 0: the file has been cut
        }
        var request = t.request();
        if (t.bounce != null && t.call == Transfer.Call.READ) {
            int errno = request.put(t.done, t.bounce.memory, 0, result);
            if (errno != 0) {
                return errno;
            }
        }
        t.done += result;
        t.retries = 0;
        if (t.done >= request.length()) {
            return 0;
        }
        if ((t.done & lengthMask) != 0) {
            return Errno.EIO; // direct I/O has come to an end that is not the image's
        }
        if (t.writesZeros) {
            writeZeros(t);
            return MORE;
        }
        return move(t);
    }

    private int allocated(Transfer t, long result) {
        var request = t.request();
        if (result == 0) {
            if (request.operation() == StorageOperation.ZERO && request.forceUnitAccess()) {
                t.call = Transfer.Call.SYNC;
                return MORE;
            }
            return 0;
        }
        if (result != -Errno.EOPNOTSUPP && result != -Errno.EINVAL && result != -Errno.ENODEV) {
            return (int) -result;
        }
        // not here, or, in a device of larger blocks than the client's, not this range
        if (request.operation() == StorageOperation.DISCARD) {
            noDiscard |= result == -Errno.EOPNOTSUPP;
            return 0;
        }
        if (t.flags == DiskFile.PUNCH_HOLE) {
            noPunch |= result == -Errno.EOPNOTSUPP;
            if (!noZeroRange) {
                t.range(Transfer.Call.ALLOCATE, DiskFile.ZERO_RANGE);
                return MORE;
            }
        } else {
            noZeroRange |= result == -Errno.EOPNOTSUPP;
        }
        writeZeros(t);
        return MORE;
    }

    private int discarded(Transfer t, long result) {
        if (result == 0) {
            return 0;
        }
        if (result == -Errno.EOPNOTSUPP || result == -Errno.EINVAL) {
            // a kernel whose io_uring cannot discard may well make holes
            t.range(Transfer.Call.ALLOCATE, DiskFile.PUNCH_HOLE);
            return MORE;
        }
        return (int) -result;
    }
}
