package dev.muser.client;

import dev.muser.device.Migration;
import dev.muser.device.MigrationState;
import dev.muser.device.VfioException;
import dev.muser.protocol.Command;
import dev.muser.protocol.DeviceFeature;
import dev.muser.protocol.Header;
import dev.muser.protocol.MigData;
import dev.muser.protocol.MigDeviceState;
import dev.muser.protocol.MigrationFeature;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** A device's migration by messages: DEVICE_FEATURE, MIG_DATA_READ and MIG_DATA_WRITE. */
@SuppressWarnings("EnumOrdinal") // MigrationState says that its ordinals are VFIO's values
final class RemoteMigration implements Migration {
    private static final int DATA = Header.SIZE + DeviceFeature.DATA;

    /** Nobody uses the data_fd of the structure; libvfio-user's sample client sends this. */
    private static final int NO_FD = -1;

    private final Connection connection;
    private final int maxTransfer;
    private final boolean preCopy;
    private final MigData data = new MigData();

    private RemoteMigration(Connection connection, int maxTransfer, boolean preCopy) {
        this.connection = connection;
        this.maxTransfer = maxTransfer;
        this.preCopy = preCopy;
    }

    /** Returns null when the server refuses to speak of migration. */
    static @Nullable RemoteMigration probe(Connection connection, Limits limits) {
        try {
            var reply = get(connection, DeviceFeature.MIGRATION, MigrationFeature.SIZE);
            var feature =
                    new MigrationFeature()
                            .wrap(reply.segment(), reply.dataOffset(), reply.dataLength());
            if (feature.validateReply() != 0) {
                throw connection.violated(
                        "DEVICE_FEATURE MIGRATION reply with %d bytes of data"
                                .formatted(reply.dataLength()));
            }
            boolean preCopy = (feature.flags() & MigrationFeature.PRE_COPY) != 0;
            return new RemoteMigration(connection, limits.maxTransfer(), preCopy);
        } catch (VfioException refused) {
            return null;
        }
    }

    @Override
    public boolean preCopy() {
        return preCopy;
    }

    @Override
    public MigrationState state() {
        var reply = get(connection, DeviceFeature.MIG_DEVICE_STATE, MigDeviceState.SIZE);
        var state =
                new MigDeviceState().wrap(reply.segment(), reply.dataOffset(), reply.dataLength());
        if (state.validateReply() != 0) {
            throw connection.violated(
                    "DEVICE_FEATURE MIG_DEVICE_STATE reply with %d bytes of data, or an unknown"
                                    .formatted(reply.dataLength())
                            + " state");
        }
        return MigrationState.values()[state.state()];
    }

    @Override
    public void moveTo(MigrationState target) {
        int flags = DeviceFeature.MIG_DEVICE_STATE | DeviceFeature.SET;
        var request = connection.request(DeviceFeature.SIZE + MigDeviceState.SIZE);
        int length = DeviceFeature.encode(request, Header.SIZE, flags, MigDeviceState.SIZE);
        length += MigDeviceState.encode(request, DATA, target.ordinal(), NO_FD);
        connection.call(Command.DEVICE_FEATURE, length);
    }

    @Override
    public int read(MemorySegment buffer, long at, int count) {
        int asked = Math.min(count, maxTransfer);
        int length = MigData.encode(connection.request(MigData.SIZE), Header.SIZE, asked);
        int replied = connection.call(Command.MIG_DATA_READ, length);
        data.wrap(connection.reply(), connection.replyAt(), replied);
        if (data.validateReadReply(asked) != 0) {
            throw connection.violated(
                    "MIG_DATA_READ reply of %d bytes, where %d of data were asked for"
                            .formatted(replied, asked));
        }
        MemorySegment.copy(connection.reply(), data.dataOffset(), buffer, at, data.size());
        return data.size();
    }

    @Override
    public void write(MemorySegment buffer, long at, int count) {
        for (int done = 0; done < count; ) {
            int part = Math.min(count - done, maxTransfer);
            var request = connection.request(MigData.SIZE + part);
            int length = part + MigData.encode(request, Header.SIZE, part);
            MemorySegment.copy(buffer, at + done, request, Header.SIZE + MigData.DATA, part);
            connection.call(Command.MIG_DATA_WRITE, length);
            done += part;
        }
    }

    private static DeviceFeature get(Connection connection, int feature, int dataLength) {
        int flags = feature | DeviceFeature.GET;
        int argsz = DeviceFeature.SIZE + dataLength;
        int length =
                DeviceFeature.encode(
                        connection.request(DeviceFeature.SIZE), Header.SIZE, flags, dataLength);
        int replied = connection.call(Command.DEVICE_FEATURE, length);
        var reply = new DeviceFeature().wrap(connection.reply(), connection.replyAt(), replied);
        if (reply.validateReply(flags, argsz) != 0) {
            throw connection.violated(
                    "DEVICE_FEATURE reply of %d bytes to a GET of feature %d"
                            .formatted(replied, feature));
        }
        return reply;
    }
}
