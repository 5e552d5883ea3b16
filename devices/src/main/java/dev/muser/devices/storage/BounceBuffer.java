package dev.muser.devices.storage;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Aligned memory of ours for data whose own address does not suit direct I/O. */
final class BounceBuffer {
    static final int SIZE = 128 * 1024;

    final MemorySegment memory = Arena.ofAuto().allocate(SIZE, 4096);

    /** A bounded number of them, made when first needed. Owned by the loop's thread. */
    static final class Pool {
        private final BounceBuffer[] idle;
        private int count;
        private int left;

        Pool(int most) {
            idle = new BounceBuffer[most];
            left = most;
        }

        boolean isEmpty() {
            return count == 0 && left == 0;
        }

        /** Returns null when all are in use. */
        @Nullable BounceBuffer take() {
            if (count > 0) {
                return idle[--count];
            }
            if (left == 0) {
                return null;
            }
            left--;
            return new BounceBuffer();
        }

        void give(BounceBuffer buffer) {
            idle[count++] = buffer;
        }
    }
}
