package dev.muser.devices.storage.nbd;

import java.util.Arrays;

/**
 * Which bytes of a read have come. Chunks come in any order, but none twice ("NBD_CMD_READ"), and a
 * server that sends so many small ones that they need more room than this is not served.
 */
final class ReceivedRanges {
    /** A read of 1 MiB whose every other sector has come. */
    private static final int MAX = 1024;

    private static final int[] NONE = {};

    /** Sorted, apart from each other; the room comes with the second range. */
    private int[] starts = NONE;

    private int[] ends = NONE;
    private int count;

    void clear() {
        count = 0;
    }

    /** Whether bytes 0 to {@code length} have come. */
    boolean isWhole(int length) {
        return length == 0 || (count == 1 && starts[0] == 0 && ends[0] == length);
    }

    /** Adds what is not empty; returns false when some of it is there, or there is no room. */
    boolean add(int start, int end) {
        int at = count;
        while (at > 0 && starts[at - 1] > start) {
            at--;
        }
        boolean overlaps = (at > 0 && ends[at - 1] > start) || (at < count && starts[at] < end);
        if (overlaps) {
            return false;
        }
        boolean joinsBefore = at > 0 && ends[at - 1] == start;
        boolean joinsAfter = at < count && starts[at] == end;
        if (joinsBefore && joinsAfter) {
            ends[at - 1] = ends[at];
            remove(at);
        } else if (joinsBefore) {
            ends[at - 1] = end;
        } else if (joinsAfter) {
            starts[at] = start;
        } else {
            return insert(at, start, end);
        }
        return true;
    }

    private void remove(int at) {
        System.arraycopy(starts, at + 1, starts, at, count - at - 1);
        System.arraycopy(ends, at + 1, ends, at, count - at - 1);
        count--;
    }

    private boolean insert(int at, int start, int end) {
        if (count == MAX) {
            return false;
        }
        if (count == starts.length) {
            int room = Math.max(4, 2 * count);
            starts = Arrays.copyOf(starts, room);
            ends = Arrays.copyOf(ends, room);
        }
        System.arraycopy(starts, at, starts, at + 1, count - at);
        System.arraycopy(ends, at, ends, at + 1, count - at);
        starts[at] = start;
        ends[at] = end;
        count++;
        return true;
    }
}
