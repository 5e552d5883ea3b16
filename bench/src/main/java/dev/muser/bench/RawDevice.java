package dev.muser.bench;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import dev.muser.device.Region;
import dev.muser.protocol.Capabilities;
import dev.muser.protocol.Command;
import dev.muser.protocol.Header;
import dev.muser.protocol.RegionAccess;
import dev.muser.protocol.VersionMessage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** A negotiated session, and messages for it that were encoded beforehand. One thread. */
final class RawDevice implements AutoCloseable {
    static final int READ_SIZE = Header.SIZE + RegionAccess.SIZE;
    static final int ACCESS_4 = READ_SIZE + 4;

    private static final byte[] CAPABILITIES = Capabilities.DEFAULTS.encode();

    private final RawConnection connection;

    private RawDevice(RawConnection connection) {
        this.connection = connection;
    }

    static RawDevice connect(Path path, Policy policy) {
        var connection = RawConnection.connect(path, policy);
        var device = new RawDevice(connection);
        device.negotiate();
        return device;
    }

    RawConnection connection() {
        return connection;
    }

    private void negotiate() {
        var message = Arena.ofAuto().allocate(Header.SIZE + 64L + CAPABILITIES.length, 8);
        int payload =
                VersionMessage.encode(
                        message,
                        Header.SIZE,
                        VersionMessage.CURRENT_MAJOR,
                        VersionMessage.CURRENT_MINOR,
                        CAPABILITIES);
        int size = Header.SIZE + payload;
        Header.encodeCommand(message, 0, 0, Command.VERSION, size, false);
        connection.send(message, size);
        requireReply(Command.VERSION, connection.receive(Header.SIZE));
    }

    /** A REGION_READ of 4 bytes of BAR0, tried once. */
    MemorySegment read() {
        var message = Arena.ofAuto().allocate(READ_SIZE, 8);
        Header.encodeCommand(message, 0, 1, Command.REGION_READ, READ_SIZE, false);
        RegionAccess.encode(message, Header.SIZE, 0, Region.BAR0, 4);
        connection.send(message, READ_SIZE);
        requireReply(Command.REGION_READ, connection.receive(Header.SIZE));
        return message;
    }

    /** A REGION_WRITE of 4 bytes of BAR0 that is not replied to. */
    MemorySegment postedWrite() {
        var message = Arena.ofAuto().allocate(ACCESS_4, 8);
        Header.encodeCommand(message, 0, 1, Command.REGION_WRITE, ACCESS_4, true);
        RegionAccess.encode(message, Header.SIZE, 0, Region.BAR0, 4);
        message.set(JAVA_INT_UNALIGNED, READ_SIZE, 0x5a5a5a5a);
        return message;
    }

    private void requireReply(int command, int length) {
        var header = new Header().wrap(connection.received(), 0);
        if (header.command() != command || header.isError() || header.size() != length) {
            throw new IllegalStateException(
                    "%s failed: errno %d, %d bytes of %d"
                            .formatted(
                                    Command.name(command), header.errno(), length, header.size()));
        }
    }

    @Override
    public void close() {
        connection.close();
    }
}
