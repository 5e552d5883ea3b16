package dev.muser.devices.storage;

/**
 * What a {@link LimitedStorage} lets through. Reads, writes, and both together can each have a
 * limit of requests and one of bytes; all that are set hold at the same time.
 *
 * <p>DISCARD and ZERO count as one write without bytes, as nothing of theirs is moved. FLUSH does
 * not count.
 */
public record StorageLimits(
        RateLimit readOperations,
        RateLimit readBytes,
        RateLimit writeOperations,
        RateLimit writeBytes,
        RateLimit operations,
        RateLimit bytes) {
    public static final StorageLimits NONE =
            new StorageLimits(
                    RateLimit.NONE,
                    RateLimit.NONE,
                    RateLimit.NONE,
                    RateLimit.NONE,
                    RateLimit.NONE,
                    RateLimit.NONE);

    /** The same with limits of reads alone. */
    public StorageLimits withReads(RateLimit newOperations, RateLimit newBytes) {
        return new StorageLimits(
                newOperations, newBytes, writeOperations, writeBytes, operations, bytes);
    }

    /** The same with limits of writes alone. */
    public StorageLimits withWrites(RateLimit newOperations, RateLimit newBytes) {
        return new StorageLimits(
                readOperations, readBytes, newOperations, newBytes, operations, bytes);
    }

    /** The same with limits of reads and writes together. */
    public StorageLimits withAll(RateLimit newOperations, RateLimit newBytes) {
        return new StorageLimits(
                readOperations, readBytes, writeOperations, writeBytes, newOperations, newBytes);
    }

    /** Whether nothing is limited. */
    public boolean isNone() {
        return readOperations.isNone()
                && readBytes.isNone()
                && writeOperations.isNone()
                && writeBytes.isNone()
                && operations.isNone()
                && bytes.isNone();
    }
}
