package dev.muser.server;

/** Lets ten lines a second through, so that no client fills a disk. */
final class LogLimit {
    private static final int PER_SECOND = 10;

    private long second;
    private int lines;

    boolean allows() {
        long now = System.nanoTime() / 1_000_000_000;
        if (now != second) {
            second = now;
            lines = 0;
        }
        return ++lines <= PER_SECOND;
    }
}
