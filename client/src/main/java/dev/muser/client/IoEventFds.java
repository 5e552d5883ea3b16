package dev.muser.client;

import dev.muser.device.IoEventFd;
import dev.muser.linux.Fd;
import dev.muser.protocol.Command;
import dev.muser.protocol.Header;
import dev.muser.protocol.RegionIoFds;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/**
 * The descriptors that a server gives out for writes to one region.
 *
 * @param entries what they stand for
 * @param descriptors all that came, to be closed
 */
record IoEventFds(List<IoEventFd> entries, List<Fd> descriptors) implements AutoCloseable {
    /** Room for more than a thousand entries. */
    private static final int MAX_REPLY = 64 << 10;

    static IoEventFds ask(Connection connection, int region) {
        var reply = ask(connection, region, RegionIoFds.SIZE);
        if (reply.count() == 0) {
            connection.takeReplyDescriptors().forEach(Fd::close);
            return new IoEventFds(List.of(), List.of());
        }
        if (reply.isTruncated()) {
            connection.takeReplyDescriptors().forEach(Fd::close);
            long argsz = reply.argsz();
            if (argsz > MAX_REPLY) {
                throw connection.violated(
                        "DEVICE_GET_REGION_IO_FDS of region %d takes %d bytes, where at most %d are"
                                        .formatted(region, argsz, MAX_REPLY)
                                + " taken");
            }
            reply = ask(connection, region, (int) argsz);
            if (reply.isTruncated()) {
                throw connection.violated(
                        "DEVICE_GET_REGION_IO_FDS of region %d was cut twice".formatted(region));
            }
        }
        var descriptors = connection.takeReplyDescriptors();
        var entries = new ArrayList<IoEventFd>();
        for (int i = 0; i < reply.count(); i++) {
            if (reply.type(i) == RegionIoFds.TYPE_IOEVENTFD) {
                entries.add(entry(reply, i, descriptors));
            }
        }
        return new IoEventFds(List.copyOf(entries), descriptors);
    }

    private static IoEventFd entry(RegionIoFds reply, int i, List<Fd> descriptors) {
        int fd = reply.fdIndex(i);
        boolean matches = (reply.flags(i) & RegionIoFds.FLAG_DATAMATCH) != 0;
        return new IoEventFd(
                reply.partOffset(i),
                reply.partSize(i),
                fd == RegionIoFds.NO_FD ? null : descriptors.get(fd),
                matches ? OptionalLong.of(reply.datamatch(i)) : OptionalLong.empty());
    }

    private static RegionIoFds ask(Connection connection, int region, int argsz) {
        int sent =
                RegionIoFds.encodeRequest(
                        connection.request(RegionIoFds.SIZE), Header.SIZE, argsz, region);
        int length =
                connection.callForDescriptors(Command.DEVICE_GET_REGION_IO_FDS, sent, List.of());
        var reply = new RegionIoFds().wrap(connection.reply(), connection.replyAt(), length);
        if (reply.validateReply(region, argsz, connection.replyDescriptorCount()) != 0) {
            throw connection.violated(
                    "DEVICE_GET_REGION_IO_FDS reply of %d bytes for region %d: wrong length, index,"
                                    .formatted(length, region)
                            + " entries or number of descriptors");
        }
        return reply;
    }

    @Override
    public void close() {
        descriptors.forEach(Fd::close);
    }
}
