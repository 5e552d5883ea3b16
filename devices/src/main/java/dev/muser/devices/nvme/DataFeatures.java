package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.StateArray;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;
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
    private final Timestamp timestamp;
    private final StateArray hostId;

    /** Whether commands that are to be retried may say when. */
    private final StateField retryDelays;

    DataFeatures(AdminCommands admin, DeviceState state) {
        this.admin = admin;
        timestamp = new Timestamp(state);
        hostId = state.array("nvme.feature.host_identifier", 16);
        retryDelays = state.field("nvme.feature.host_behavior", Width.U8);
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
                case FeatureId.HOST_BEHAVIOR -> value.u8(0, (int) retryDelays.get());
                default -> MemorySegment.copy(hostId.bytes(), 0, value.bytes(), 0, size);
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
                retryDelays.set(wanted);
            }
            default -> {
                hostId.clear();
                hostId.copyFrom(0, data, 0, data.byteSize());
            }
        }
        return Status.SUCCESS;
    }

    void reset() {
        timestamp.reset();
        hostId.clear();
        retryDelays.set(0);
    }
}
