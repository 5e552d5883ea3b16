package dev.muser.devices.storage.nbd;

import org.jspecify.annotations.Nullable;

/**
 * What the server said of its export, in the handshake of one connection.
 *
 * @param size in bytes
 * @param flags transmission flags, {@link NbdProtocol}
 * @param minimumBlock alignment of requests, a power of two
 * @param maximumData of a READ or WRITE, in bytes, a multiple of minimumBlock
 * @param structured whether replies to READ are structured, on this connection
 */
record NbdExport(long size, int flags, int minimumBlock, long maximumData, boolean structured) {
    /** What we make use of, and would miss. */
    private static final int USED =
            NbdProtocol.SEND_FLUSH
                    | NbdProtocol.SEND_FUA
                    | NbdProtocol.SEND_TRIM
                    | NbdProtocol.SEND_WRITE_ZEROES
                    | NbdProtocol.CAN_MULTI_CONN;

    boolean has(int flag) {
        return (flags & flag) != 0;
    }

    /** Returns what {@code later} lacks that this had, in words; null when it is as good. */
    @Nullable String lostBy(NbdExport later) {
        if (later.size < size) {
            return "has %d bytes now, it had %d".formatted(later.size, size);
        }
        if (later.has(NbdProtocol.READ_ONLY) && !has(NbdProtocol.READ_ONLY)) {
            return "is read-only now";
        }
        if (later.minimumBlock > minimumBlock) {
            return "has blocks of at least %d bytes now, it had %d"
                    .formatted(later.minimumBlock, minimumBlock);
        }
        if (later.maximumData < Math.min(maximumData, NbdCommand.MAX_DATA)) {
            return "takes %d bytes at once now, it took %d"
                    .formatted(later.maximumData, maximumData);
        }
        int missing = flags & ~later.flags & USED;
        return missing == 0 ? null : "lacks features now: flags %#x".formatted(missing);
    }
}
