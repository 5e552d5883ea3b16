package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;

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

    private final StateField over;
    private final StateField under;

    Temperature(DeviceState state) {
        over = state.field("nvme.feature.temperature_over", Width.U16);
        under = state.field("nvme.feature.temperature_under", Width.U16);
    }

    void reset() {
        over.set(WARNING);
        under.set(0);
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
            over.set(kelvins);
        } else {
            under.set(kelvins);
        }
    }

    int get(int feature) {
        return (int) ((feature >>> 20 & 3) == OVER ? over : under).get();
    }

    static int defaultOf(int feature) {
        return (feature >>> 20 & 3) == OVER ? WARNING : 0;
    }

    /** Whether a threshold has been reached. */
    boolean isBeyond() {
        return COMPOSITE >= over.get() || COMPOSITE <= under.get();
    }
}
