package dev.muser.testkit.guest;

import java.io.IOException;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;

/**
 * Kills and upgrades of a device at random moments, while a guest uses it: 8 and 2, or as many as
 * {@code MUSER_KILLS} says and a tenth of it.
 */
record Trouble(int kills, int upgrades) {
    /** A keeper takes a process that has served for so long for a steady one. */
    private static final long STEADY_MILLIS = 2_000;

    private static final long DELAY_MILLIS = 2_000;
    private static final long START_MILLIS = 600;

    static Trouble configured() {
        int kills = Integer.parseInt(System.getenv().getOrDefault("MUSER_KILLS", "8"));
        return new Trouble(kills, Math.max(2, kills / 10));
    }

    /** A part of it, for one of several variants. */
    Trouble half() {
        return new Trouble((kills + 1) / 2, (upgrades + 1) / 2);
    }

    /**
     * Makes it.
     *
     * @param spared whether a spare takes over, so that there is no process that starts
     */
    void make(KeptDevice device, boolean spared, GuestVm guest)
            throws IOException, InterruptedException {
        long seed = System.nanoTime();
        System.out.printf("%d kills, %d upgrades, at random: seed %d%n", kills, upgrades, seed);
        var random = new Random(seed);
        long begin = System.nanoTime();
        int done = 0;
        for (int i = 0; i < kills; i++) {
            // Every third one dies while it starts; others soon after, or when all is well again.
            if (i % 3 == 2 && !spared) {
                long pid = device.awaitStarted();
                sleep(random.nextLong(START_MILLIS));
                device.kill(pid);
            } else {
                long pid = device.awaitProcess();
                sleep((i % 3 == 0 ? STEADY_MILLIS : 0) + random.nextLong(DELAY_MILLIS));
                device.kill(pid);
            }
            if (!guest.isRunning()) {
                return; // as the next await says, with all that is known
            }
            if ((i + 1) * upgrades / kills > done) {
                device.upgrade();
                sleep(random.nextLong(DELAY_MILLIS));
                done++;
            }
        }
        device.awaitProcess();
        System.out.printf(
                "... took %d s%n", Duration.ofNanos(System.nanoTime() - begin).toSeconds());
    }

    private static void sleep(long milliseconds) {
        LockSupport.parkNanos(Duration.ofMillis(milliseconds).toNanos());
    }
}
