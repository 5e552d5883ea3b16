package dev.muser.devices.nvme;

/**
 * The temperature that a controller reports, and its thresholds (NVMe base 1.4, 5.21.1.4). It is
 * constant; a driver learns how alarms work by moving the thresholds past it.
 */
final class Temperature {
    /** In kelvins: 40 degrees Celsius. */
    static final int COMPOSITE = 313;

    static final int WARNING = 343;
    static final int CRITICAL = 353;

    private static final int COMPOSITE_SENSOR = 0;
    private static final int ALL_SENSORS = 0xf;
    private static final int OVER = 0;
    private static final int UNDER = 1;

    private int over = WARNING;
    private int under;

    void reset() {
        over = WARNING;
        under = 0;
    }

    /** Whether the feature's value names a threshold that there is. */
    static boolean isThreshold(int feature, boolean forSet) {
        int sensor = feature >>> 16 & 0xf;
        int type = feature >>> 20 & 3;
        return (sensor == COMPOSITE_SENSOR || (forSet && sensor == ALL_SENSORS)) && type <= UNDER;
    }

    void set(int feature) {
        int kelvins = feature & 0xffff;
        if ((feature >>> 20 & 3) == OVER) {
            over = kelvins;
        } else {
            under = kelvins;
        }
    }

    int get(int feature) {
        return (feature >>> 20 & 3) == OVER ? over : under;
    }

    static int defaultOf(int feature) {
        return (feature >>> 20 & 3) == OVER ? WARNING : 0;
    }

    /** Whether a threshold has been reached. */
    boolean isBeyond() {
        return COMPOSITE >= over || COMPOSITE <= under;
    }
}
