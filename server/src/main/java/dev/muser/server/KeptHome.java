package dev.muser.server;

import dev.muser.device.state.DeviceHome;
import dev.muser.device.state.StateSegment;
import dev.muser.linux.Fd;
import dev.muser.service.DescriptorStore;
import org.jspecify.annotations.Nullable;

/** Finds the state that a process before this one left in a store, or makes a new one there. */
final class KeptHome {
    private static final String STATE = "state";

    private KeptHome() {}

    /**
     * Opens it.
     *
     * @throws dev.muser.device.state.StateMismatchException when what is there is of another kind
     *     of device, or damaged
     */
    static DeviceHome open(Keeping keeping) {
        var label = keeping.label();
        var store = keeping.store();
        var left = store.get(STATE);
        var segment = left == null ? null : open(left, keeping);
        if (segment == null) {
            segment = StateSegment.create(label);
            try {
                tidy(store);
                store.put(STATE, segment.fd());
            } catch (RuntimeException e) {
                segment.close();
                throw e;
            }
        }
        return new DeviceHome(segment, store, keeping.journal(), keeping.predecessor());
    }

    private static @Nullable StateSegment open(Fd left, Keeping keeping) {
        StateSegment segment = null;
        try {
            var before = keeping.predecessor();
            segment = StateSegment.open(left, keeping.label(), before == null ? 0 : before.pid());
            return segment;
        } finally {
            if (segment == null) {
                left.close();
            }
        }
    }

    /** What a process that died before it was ready has left of a client means nothing. */
    private static void tidy(DescriptorStore store) {
        for (var name : store.names()) {
            if (name.equals(Keep.CONNECTION)
                    || name.equals(Keep.TWIN)
                    || name.equals("bars")
                    || name.startsWith(KeptDescriptors.PREFIX)) {
                store.remove(name);
            }
        }
    }
}
