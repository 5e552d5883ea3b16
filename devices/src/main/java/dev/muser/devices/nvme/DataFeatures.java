package dev.muser.devices.nvme;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Features whose values do not fit in a dword (NVMe base 1.4, 5.21.1.14, 5.21.1.22 and 5.21.1.26).
 */
final class DataFeatures {
    private static final int HOST_BEHAVIOR_SIZE = 512;

    /** Bit 0 of dword 11 for host identifiers: 128 bits, not 64. */
    private static final int EXTENDED = 1;

    private final AdminCommands admin;
    private final Timestamp timestamp = new Timestamp();
    private final MemorySegment hostId = MemorySegment.ofArray(new byte[16]);

    /** Whether commands that are to be retried may say when. */
    private int retryDelays;

    DataFeatures(AdminCommands admin) {
        this.admin = admin;
    }

    static boolean has(int id) {
        return id == FeatureId.TIMESTAMP
                || id == FeatureId.HOST_BEHAVIOR
                || id == FeatureId.HOST_IDENTIFIER;
    }

    private static int size(Command c, int id) {
        return switch (id) {
            case FeatureId.TIMESTAMP -> Timestamp.SIZE;
            case FeatureId.HOST_BEHAVIOR -> HOST_BEHAVIOR_SIZE;
            default -> (c.cdw11 & EXTENDED) != 0 ? 16 : 8;
        };
    }

    void get(Command c, int id, boolean current) {
        int size = size(c, id);
        var value = new DataStructure(size);
        if (current) {
            switch (id) {
                case FeatureId.TIMESTAMP -> value = timestamp.value();
                case FeatureId.HOST_BEHAVIOR -> value.u8(0, retryDelays);
                default -> MemorySegment.copy(hostId, 0, value.bytes(), 0, size);
            }
        }
        admin.respond(c, value.bytes(), size);
    }

    void set(Command c, int id) {
        admin.receive(
                c,
                size(c, id),
                (command, errno) -> admin.finish(c, take(id, command.privateData())));
    }

    private int take(int id, MemorySegment data) {
        switch (id) {
            case FeatureId.TIMESTAMP -> timestamp.set(data);
            case FeatureId.HOST_BEHAVIOR -> {
                int wanted = data.get(ValueLayout.JAVA_BYTE, 0);
                if (wanted < 0 || wanted > 1) {
                    return Status.INVALID_FIELD;
                }
                retryDelays = wanted;
            }
            default -> {
                hostId.fill((byte) 0);
                MemorySegment.copy(data, 0, hostId, 0, data.byteSize());
            }
        }
        return Status.SUCCESS;
    }

    void reset() {
        timestamp.reset();
        hostId.fill((byte) 0);
        retryDelays = 0;
    }
}
