package dev.muser.bench;

/**
 * Figures of the fastest NVMe target in C with its own driver in C, each polling on a CPU of its
 * own, millions of commands a second: measured on another virtual machine of 2 CPUs with a cache
 * line of 28 ns one way. Where runs differed, the middle. They travel badly: run to run they moved
 * by 15 %.
 */
final class DiskPeer {
    private DiskPeer() {}

    /** Returns commands a second; NaN when nobody measured it. */
    static double perSecond(DiskCase what) {
        return 1e6 * (what.queues() > 1 || what.depth() == 16 ? queues(what) : depths(what));
    }

    private static double depths(DiskCase what) {
        if (what.shadow()) {
            return Double.NaN;
        }
        if (what.bytes() > 4096) {
            return what.kind().equals("memory") ? 0.23 : Double.NaN;
        }
        return switch (what.kind() + " " + what.writes() + " " + what.depth()) {
            case "null 0 1" -> 1.49;
            case "null 0 32" -> 7.5;
            case "null 0 128" -> 10.7;
            case "null 256 1" -> 1.25;
            case "null 256 32" -> 7.0;
            case "null 256 128" -> 9.75;
            case "memory 0 1" -> 0.825;
            case "memory 0 32" -> 2.075;
            case "memory 0 128" -> 2.15;
            case "memory 256 1" -> 0.965;
            case "memory 256 32" -> 2.85;
            case "memory 256 128" -> 2.85;
            case "memory 128 1" -> 0.9;
            case "memory 128 32" -> 2.1;
            case "memory 128 128" -> 2.2;
            default -> Double.NaN;
        };
    }

    private static double queues(DiskCase what) {
        return switch (what.queues()) {
            case 1 -> 5.1;
            case 2 -> 5.4;
            case 4 -> 4.3;
            case 8 -> 3.4;
            case 16 -> 3.5;
            default -> Double.NaN;
        };
    }
}
