package dev.muser.server;

import dev.muser.device.Migration;
import dev.muser.device.MigrationState;
import dev.muser.device.VfioDevice;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.protocol.DeviceFeature;
import dev.muser.protocol.MigData;
import dev.muser.protocol.MigDeviceState;
import dev.muser.protocol.MigrationFeature;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;

/** DEVICE_FEATURE, and the data of a migration. */
final class Features {
    private final VfioDevice device;
    private final Replies replies;
    private final Logging logging;
    private final int maxTransfer;
    private final LogLimit log;
    private final DeviceFeature request = new DeviceFeature();
    private final MigDeviceState state = new MigDeviceState();
    private final MigData data = new MigData();

    /**
     * @param maxReply the longest payload of a reply that carries no data of a transfer, in bytes
     */
    Features(VfioDevice device, Replies replies, Limits limits, int maxReply, LogLimit log) {
        this.log = log;
        this.device = device;
        this.replies = replies;
        logging = new Logging(device, replies, maxReply);
        this.maxTransfer = limits.maxTransfer();
    }

    /**
     * Whether a request can be handled now: one that stops the device waits, unanswered, until what
     * the device has under way elsewhere is over.
     */
    boolean isReady(MemorySegment buffer, int start, int length) {
        boolean moves =
                request.wrap(buffer, start, length).validateRequest() == 0
                        && request.feature() == DeviceFeature.MIG_DEVICE_STATE
                        && request.isSet()
                        && !request.isProbe();
        if (!moves) {
            return true;
        }
        state.wrap(request.segment(), request.dataOffset(), request.dataLength());
        var migration = device.migration();
        return state.validateRequest() != 0
                || migration == null
                || migration.prepare(MigrationState.of(state.state()));
    }

    void feature(MemorySegment buffer, int start, int length) {
        int errno = request.wrap(buffer, start, length).validateRequest();
        if (errno != 0) {
            replies.error(errno);
            return;
        }
        var log = logging.log();
        int loggingMethods = log == null ? 0 : Logging.methods(request.feature());
        if (log != null && loggingMethods != 0) {
            requireMethods(loggingMethods);
            if (request.isProbe()) {
                echo();
                return;
            }
            logging.handle(request, log);
            if (request.isSet()) {
                echo();
            }
            return;
        }
        var migration = migration();
        int methods =
                switch (request.feature()) {
                    case DeviceFeature.MIGRATION -> DeviceFeature.GET;
                    case DeviceFeature.MIG_DEVICE_STATE -> DeviceFeature.GET | DeviceFeature.SET;
                    default -> 0;
                };
        requireMethods(methods);
        if (request.isProbe()) {
            echo();
        } else if (request.feature() == DeviceFeature.MIGRATION) {
            flags(migration);
        } else if (request.isGet()) {
            state(migration);
        } else {
            moveTo(migration);
        }
    }

    private void requireMethods(int methods) {
        if (methods == 0 || (request.method() & ~(methods | DeviceFeature.PROBE)) != 0) {
            throw new VfioException(
                    Errno.EINVAL,
                    "feature %d with flags %#x".formatted(request.feature(), request.flags()));
        }
    }

    private Migration migration() {
        var migration = device.migration();
        if (migration == null) {
            throw new VfioException(Errno.EINVAL, "the device cannot be migrated");
        }
        return migration;
    }

    private void echo() {
        int at = replies.room(request.length());
        MemorySegment.copy(
                request.segment(), request.offset(), replies.memory(), at, request.length());
        replies.send(request.length());
    }

    private void flags(Migration migration) {
        int at = get(MigrationFeature.SIZE);
        long flags =
                MigrationFeature.STOP_COPY | (migration.preCopy() ? MigrationFeature.PRE_COPY : 0);
        MigrationFeature.encodeReply(replies.memory(), at, flags);
        replies.send(DeviceFeature.SIZE + MigrationFeature.SIZE);
    }

    private void state(Migration migration) {
        int at = get(MigDeviceState.SIZE);
        MigDeviceState.encode(replies.memory(), at, migration.state().number(), -1);
        replies.send(DeviceFeature.SIZE + MigDeviceState.SIZE);
    }

    /** Writes the envelope of the reply to a GET; returns where its data go. */
    private int get(int dataLength) {
        if (!request.hasRoomFor(dataLength)) {
            throw new VfioException(Errno.EINVAL, "argsz is too small for the feature");
        }
        int at = replies.room(DeviceFeature.SIZE + dataLength);
        return at + DeviceFeature.encode(replies.memory(), at, request.flags(), dataLength);
    }

    private void moveTo(Migration migration) {
        state.wrap(request.segment(), request.dataOffset(), request.dataLength());
        int errno = state.validateRequest();
        if (errno != 0) {
            replies.error(errno);
            return;
        }
        var target = MigrationState.of(state.state());
        try {
            migration.moveTo(target);
        } catch (VfioException e) {
            throw told("migration to " + target, e);
        }
        echo();
    }

    /** The reply is as long as what was asked for, since libvfio-user's client wants it so. */
    void readData(MemorySegment buffer, int start, int length) {
        int errno = data.wrap(buffer, start, length).validateReadRequest(maxTransfer);
        if (errno != 0) {
            replies.error(errno);
            return;
        }
        int asked = data.size();
        int at = replies.room(MigData.SIZE + asked);
        int got = migration().read(replies.memory(), at + MigData.DATA, asked);
        MigData.encode(replies.memory(), at, got);
        replies.memory().asSlice(at + (long) MigData.DATA + got, asked - got).fill((byte) 0);
        replies.send(MigData.SIZE + asked);
    }

    void writeData(MemorySegment buffer, int start, int length) {
        int errno = data.wrap(buffer, start, length).validateWriteRequest(maxTransfer);
        if (errno != 0) {
            replies.error(errno);
            return;
        }
        try {
            migration().write(data.segment(), data.dataOffset(), data.size());
        } catch (VfioException e) {
            throw told("migration data", e);
        }
        replies.done();
    }

    /** The client is told a number; why a migration fails is for the operator to know. */
    private VfioException told(String what, VfioException e) {
        log.log(Level.WARNING, "%s: %s".formatted(what, e.getMessage()), null);
        return e;
    }
}
