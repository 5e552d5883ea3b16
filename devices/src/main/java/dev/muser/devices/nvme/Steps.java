package dev.muser.devices.nvme;

import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Places between two stores to memory that outlives the process, where a test can have the process
 * die. Costs nothing elsewhere: {@code -Dmuser.nvme.steps=true} switches them on.
 */
final class Steps {
    static final int RECORDED = 0;
    static final int FETCHED = 1;
    static final int STARTED = 2;
    static final int DONE = 3;
    static final int FUSED_DONE = 4;
    static final int COMPARED = 5;
    static final int COMMITTED = 6;
    static final int POSTING = 7;
    static final int WRITTEN = 8;
    static final int POSTED = 9;
    static final int FREED = 10;
    static final int OBSERVED = 11;

    private static final boolean ON = Boolean.getBoolean("muser.nvme.steps");

    /** What a test does there; given by reflection. */
    private static @Nullable IntConsumer hook;

    private Steps() {}

    /** Hot. */
    static void at(int step) {
        if (ON) {
            call(step);
        }
    }

    private static void call(int step) {
        var h = hook;
        if (h != null) {
            h.accept(step);
        }
    }
}
