package dev.muser.devices.storage.nbd;

import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/** The buffers of one engine: so many bytes in all, used again. The loop's alone. */
final class NbdBuffers {
    private static final int SMALLEST_BITS = 12;
    private static final int CLASSES = 9; // 4 KiB to 1 MiB

    private final long limit;
    private final ArrayDeque<NbdBuffer>[] free;
    private long inUse;
    private long unused;

    /**
     * @param limit bytes, at least {@link NbdCommand#MAX_DATA}
     */
    @SuppressWarnings({"unchecked", "rawtypes"}) // an array of generic type
    NbdBuffers(long limit) {
        this.limit = limit;
        free = new ArrayDeque[CLASSES];
        for (int i = 0; i < CLASSES; i++) {
            free[i] = new ArrayDeque<>();
        }
    }

    /** Returns a buffer of {@code length} bytes or more; null when too many are in use. */
    @Nullable NbdBuffer take(int length) {
        int sizeClass = sizeClass(length);
        int size = 1 << (SMALLEST_BITS + sizeClass);
        if (inUse + size > limit) {
            return null;
        }
        inUse += size;
        var buffer = free[sizeClass].poll();
        if (buffer != null) {
            unused -= size;
            return buffer;
        }
        if (inUse + unused > limit) { // by buffers of other sizes
            for (var others : free) {
                others.clear();
            }
            unused = 0;
        }
        return new NbdBuffer(size);
    }

    void give(NbdBuffer buffer) {
        inUse -= buffer.size();
        unused += buffer.size();
        free[sizeClass(buffer.size())].push(buffer);
    }

    private static int sizeClass(int length) {
        int bits = 32 - Integer.numberOfLeadingZeros(Math.max(1, length) - 1);
        return Math.max(0, bits - SMALLEST_BITS);
    }
}
