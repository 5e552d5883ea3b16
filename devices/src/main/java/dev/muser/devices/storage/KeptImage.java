package dev.muser.devices.storage;

import dev.muser.linux.DiskFile;
import dev.muser.linux.Fd;
import dev.muser.linux.SyscallException;
import dev.muser.service.DescriptorStore;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;

/**
 * An image whose lock outlives the process: a descriptor in a store holds it, so that nobody else
 * takes the image between two processes, and both have it while one hands over to the other. What
 * was not locked, since the disk was at another server, is not when it is taken from the store.
 *
 * <p><b>Calls of the dead.</b> The system waits for threads inside of calls before anybody is told
 * that their process is gone, and for io_uring's workers, who do what goes through the page cache.
 * It does not wait for direct I/O that io_uring has begun ({@code do_exit} cancels with {@code
 * cancel_all} false, and the ring is taken down by a work item; 40 times of 40, up to a second
 * later): that may still read or write the client's memory, and the disk, when a successor has done
 * the same again and the client goes on. So each process opens the file anew for its calls and
 * marks a byte of it. The mark goes with the last use of what was opened, and a successor waits for
 * that.
 */
final class KeptImage implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(KeptImage.class.getName());

    private static final String PREFIX = "image.";

    /** So long, in milliseconds, calls of a dead process are waited for. */
    private static final int PATIENCE = 30_000;

    private final DescriptorStore store;
    private final String name;
    private final OpenedImage holder;
    private final OpenedImage data;
    private final boolean fenced;

    private KeptImage(
            DescriptorStore store,
            String name,
            OpenedImage holder,
            OpenedImage data,
            boolean fenced) {
        this.store = store;
        this.name = name;
        this.holder = holder;
        this.data = data;
        this.fenced = fenced;
    }

    /**
     * Takes the image that a process before this one has left, or opens and locks it.
     *
     * @throws StorageException with one line for the operator
     */
    static KeptImage open(Path path, FileOptions options, DescriptorStore store) {
        var kind = kind(options);
        for (var name : store.names()) {
            var fd = name.startsWith(kind) ? store.get(name) : null;
            if (fd != null) {
                return with(store, name, OpenedImage.adopt(path, fd, options), options);
            }
        }
        boolean other = dropOthers(store);
        // the disk may have been moved away meanwhile: it knows
        var opened = OpenedImage.open(path, options.withIncoming(options.incoming() || other));
        try {
            var mark = new SplittableRandom().nextLong() >>> 2;
            var name = kind + HexFormat.of().toHexDigits(mark);
            store.put(name, opened.fd());
            return with(store, name, opened, options);
        } catch (SyscallException e) {
            opened.close();
            throw OpenedImage.explain(path, options, e);
        }
    }

    /** Returns what such a descriptor is called, up to where its mark is. */
    private static String kind(FileOptions options) {
        return PREFIX
                + (options.readOnly() ? "read-only." : "read-write.")
                + (options.direct() ? "direct." : "cached.");
    }

    /** It was opened in another way, which the operator has changed; whether that is so. */
    private static boolean dropOthers(DescriptorStore store) {
        boolean any = false;
        for (var name : store.names()) {
            if (name.startsWith(PREFIX)) {
                try (var fd = store.get(name)) {
                    if (fd != null) {
                        DiskFile.unlock(fd);
                    }
                }
                store.remove(name);
                any = true;
            }
        }
        return any;
    }

    private static KeptImage with(
            DescriptorStore store, String name, OpenedImage holder, FileOptions options) {
        Fd fd = null;
        boolean fenced = false;
        try {
            long mark = Long.parseUnsignedLong(name.substring(kind(options).length()), 16);
            var anew = DiskFile.pathOf(holder.fd());
            fd = options.files().open(anew, OpenedImage.flags(options));
            awaitEnd(holder.path(), fd, mark);
            DiskFile.mark(fd, mark);
            fenced = true;
        } catch (SyscallException | NumberFormatException e) {
            LOG.log(
                    Level.DEBUG,
                    "{0} is used as it was opened first: {1}",
                    holder.path(),
                    e.getMessage());
        } catch (StorageException e) {
            if (fd != null) {
                fd.close();
            }
            holder.fd().close();
            throw e;
        }
        if (fd == null) {
            fd = holder.fd().duplicate();
        }
        return new KeptImage(store, name, holder, holder.openedAnew(fd), fenced);
    }

    private static void awaitEnd(Path path, Fd fd, long mark) {
        for (int i = 0; DiskFile.isMarked(fd, mark); i++) {
            if (i == PATIENCE) {
                throw new StorageException(
                        ("%s does not answer: calls that a process before this one has made to it"
                                        + " have not ended")
                                .formatted(path));
            }
            LockSupport.parkNanos(1_000_000);
        }
    }

    /** Returns the image, as opened for the calls of this process; it is closed on its own. */
    OpenedImage data() {
        return data;
    }

    /** Whether a successor can wait for direct calls that io_uring has begun. */
    boolean isFenced() {
        return fenced;
    }

    void lock() {
        holder.lock();
    }

    void unlock() {
        holder.unlock();
    }

    /** Gives the lock back: nobody will go on with it. */
    void forget() {
        DiskFile.unlock(holder.fd());
        store.remove(name);
    }

    /** The lock stays with the store. */
    @Override
    public void close() {
        holder.fd().close();
    }
}
