package dev.muser.testkit.devices.nvme;

import java.util.Arrays;
import java.util.Random;

/** What a disk should have: a stamp for each extent, 0 for zeros; and who is at work where. */
final class StormModel {
    private final long[] stamps;
    private final int[] users;
    private long lastStamp;

    StormModel(int extents) {
        stamps = new long[extents];
        users = new int[extents];
    }

    /** Returns an extent that nobody uses; -1 when none was found. */
    int take(Random random) {
        for (int i = 0; i < 4; i++) {
            int extent = random.nextInt(stamps.length);
            if (users[extent] == 0) {
                users[extent] = 1;
                return extent;
            }
        }
        return -1;
    }

    /** One more is at work there. */
    void shared(int extent) {
        users[extent]++;
    }

    void give(int extent) {
        users[extent]--;
    }

    long stamp(int extent) {
        return stamps[extent];
    }

    long newStamp() {
        return lastStamp += 2;
    }

    void wrote(int extent, long stamp) {
        stamps[extent] = stamp;
    }

    /** All is zero. */
    void clear() {
        Arrays.fill(stamps, 0);
    }
}
