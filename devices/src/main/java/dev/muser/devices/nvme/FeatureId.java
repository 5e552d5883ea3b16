package dev.muser.devices.nvme;

/** Feature identifiers (NVMe base 1.4, figure 275), and what can be done with each. */
final class FeatureId {
    static final int ARBITRATION = 0x01;
    static final int POWER_MANAGEMENT = 0x02;
    static final int TEMPERATURE_THRESHOLD = 0x04;
    static final int ERROR_RECOVERY = 0x05;
    static final int VOLATILE_WRITE_CACHE = 0x06;
    static final int NUMBER_OF_QUEUES = 0x07;
    static final int INTERRUPT_COALESCING = 0x08;
    static final int INTERRUPT_VECTOR = 0x09;
    static final int WRITE_ATOMICITY = 0x0a;
    static final int ASYNC_EVENTS = 0x0b;
    static final int TIMESTAMP = 0x0e;
    static final int KEEP_ALIVE = 0x0f;
    static final int HOST_BEHAVIOR = 0x16;
    static final int HOST_IDENTIFIER = 0x81;
    static final int WRITE_PROTECTION = 0x84;

    // capabilities, as Get Features tells them (figure 193)
    static final int NAMESPACE_SPECIFIC = 1 << 1;
    static final int CHANGEABLE = 1 << 2;

    private FeatureId() {}

    /** Returns the capabilities; 0 for a feature that is not supported. */
    static int capabilities(int feature) {
        return switch (feature) {
            case ARBITRATION,
                    POWER_MANAGEMENT,
                    TEMPERATURE_THRESHOLD,
                    VOLATILE_WRITE_CACHE,
                    NUMBER_OF_QUEUES,
                    INTERRUPT_COALESCING,
                    INTERRUPT_VECTOR,
                    WRITE_ATOMICITY,
                    ASYNC_EVENTS,
                    TIMESTAMP,
                    KEEP_ALIVE,
                    HOST_BEHAVIOR,
                    HOST_IDENTIFIER ->
                    CHANGEABLE;
            case ERROR_RECOVERY, WRITE_PROTECTION -> CHANGEABLE | NAMESPACE_SPECIFIC;
            default -> 0;
        };
    }

    static boolean isNamespaceSpecific(int feature) {
        return (capabilities(feature) & NAMESPACE_SPECIFIC) != 0;
    }
}
