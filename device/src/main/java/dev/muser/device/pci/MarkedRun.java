package dev.muser.device.pci;

/**
 * A run of addresses whose writes need no further mark in a log: all of them while there is none,
 * and of a log the longest run of marked pages that was seen since something was forgotten. So a
 * write costs the same with a log as without, most of the time.
 *
 * <p>Owned by the device's thread.
 */
final class MarkedRun {
    private long first;
    private long last = -1; // unsigned: the highest

    /** Hot. Whether all of the range, which is not empty and does not wrap, is in it. */
    boolean has(long iova, long length) {
        return Long.compareUnsigned(iova, first) >= 0
                && Long.compareUnsigned(iova + length - 1, last) <= 0;
    }

    /** Makes it this run, if that is longer. */
    void grow(long newFirst, long newLast) {
        if (Long.compareUnsigned(newLast - newFirst, last - first) > 0) {
            first = newFirst;
            last = newLast;
        }
    }

    /** Makes it all addresses. */
    void setAll() {
        first = 0;
        last = -1;
    }

    /** Makes it empty. */
    void clear() {
        first = -1;
        last = 0;
    }
}
