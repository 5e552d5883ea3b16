package dev.muser.devices.storage;

/**
 * How a {@link FileStorage} uses its file.
 *
 * @param readOnly whether writes are refused, and others may read the file at the same time
 * @param direct whether data bypass the page cache ({@code O_DIRECT})
 * @param engine who makes the system calls
 * @param threads the most threads of {@link Engine#THREADS}, from 1 to 64
 * @param create the size in bytes of the sparse file to create when there is none; 0 to create none
 * @param files who opens it
 * @param incoming whether another process may have the file now: it must be there, and is locked by
 *     {@link Storage#takeOver} only. One that is only read is locked at once
 */
public record FileOptions(
        boolean readOnly,
        boolean direct,
        Engine engine,
        int threads,
        long create,
        ImageFiles files,
        boolean incoming) {

    /** Who makes the system calls. */
    public enum Engine {
        /** io_uring where it is allowed, else threads. */
        AUTO,
        /** io_uring, on the loop's own thread. */
        URING,
        /** A pool of threads that wait. */
        THREADS
    }

    /** For reading and writing, through the page cache. */
    public static final FileOptions DEFAULT =
            new FileOptions(false, false, Engine.AUTO, 8, 0, ImageFiles.OWN, false);

    public FileOptions {
        if (threads < 1 || threads > 64) {
            throw new IllegalArgumentException("%d threads; 1 to 64 are".formatted(threads));
        }
        if (create < 0) {
            throw new IllegalArgumentException("file of %d bytes".formatted(create));
        }
    }

    public FileOptions withReadOnly(boolean value) {
        return new FileOptions(value, direct, engine, threads, create, files, incoming);
    }

    public FileOptions withDirect(boolean value) {
        return new FileOptions(readOnly, value, engine, threads, create, files, incoming);
    }

    public FileOptions withEngine(Engine value) {
        return new FileOptions(readOnly, direct, value, threads, create, files, incoming);
    }

    public FileOptions withThreads(int value) {
        return new FileOptions(readOnly, direct, engine, value, create, files, incoming);
    }

    public FileOptions withCreate(long size) {
        return new FileOptions(readOnly, direct, engine, threads, size, files, incoming);
    }

    public FileOptions withFiles(ImageFiles value) {
        return new FileOptions(readOnly, direct, engine, threads, create, value, incoming);
    }

    public FileOptions withIncoming(boolean value) {
        return new FileOptions(readOnly, direct, engine, threads, create, files, value);
    }
}
