package dev.muser.devices.storage.nbd;

import static dev.muser.devices.storage.nbd.NbdProtocol.REPLY_ERROR_OFFSET;
import static dev.muser.devices.storage.nbd.NbdProtocol.REPLY_FLAG_DONE;
import static dev.muser.devices.storage.nbd.NbdProtocol.REPLY_IS_ERROR;
import static dev.muser.devices.storage.nbd.NbdProtocol.REPLY_NONE;
import static dev.muser.devices.storage.nbd.NbdProtocol.REPLY_OFFSET_DATA;
import static dev.muser.devices.storage.nbd.NbdProtocol.REPLY_OFFSET_HOLE;

import dev.muser.linux.Errno;
import java.io.IOException;

/**
 * Receives the replies of one connection ("Simple reply message", "Structured reply chunk
 * message"). What is not as the protocol says ends the connection: nothing after it can be trusted.
 * Its reading thread's alone.
 */
final class NbdReplies {
    private static final int MAX_ERROR_CHUNK = 16 << 10;

    private final NbdLinks links;
    private final NbdConnection connection;
    private final NbdChannel channel;
    private final boolean structured;

    NbdReplies(NbdLinks links, NbdConnection connection, NbdChannel channel, boolean structured) {
        this.links = links;
        this.connection = connection;
        this.channel = channel;
        this.structured = structured;
    }

    /** Receives one message. */
    void receive() throws IOException {
        channel.need(4);
        int magic = channel.input().getInt();
        if (magic == NbdProtocol.SIMPLE_REPLY_MAGIC) {
            simple();
        } else if (magic == NbdProtocol.STRUCTURED_REPLY_MAGIC && structured) {
            chunk();
        } else {
            throw new NbdException("a reply begins with %#x".formatted(magic));
        }
    }

    private void simple() throws IOException {
        channel.need(12);
        int error = channel.input().getInt();
        var command = find(channel.input().getLong());
        if (command.isRead() && structured) {
            throw new NbdException("a simple reply to a read, where structured ones were agreed");
        }
        if (error != 0) {
            fail(command, error);
        } else if (command.isRead()) {
            channel.read(command.target(0, (int) command.length()));
        }
        links.answered(connection, command);
    }

    private void chunk() throws IOException {
        channel.need(16);
        var input = channel.input();
        boolean done = (input.getShort() & REPLY_FLAG_DONE) != 0;
        int type = input.getShort() & 0xffff;
        var command = find(input.getLong());
        long length = input.getInt() & 0xffff_ffffL;
        if (type == REPLY_NONE && length == 0 && done) {
            // Nothing but the end.
        } else if (type == REPLY_OFFSET_DATA && command.isRead() && length > 8) {
            data(command, length - 8);
        } else if (type == REPLY_OFFSET_HOLE && command.isRead() && length == 12) {
            hole(command);
        } else if ((type & REPLY_IS_ERROR) != 0) {
            error(command, type, length);
        } else {
            throw new NbdException(
                    "a reply's chunk is of type %d and %d bytes".formatted(type, length));
        }
        if (done) {
            if (command.isRead()
                    && command.errno == 0
                    && !command.received.isWhole((int) command.length())) {
                throw new NbdException("a read is said to be done, but data are missing");
            }
            links.answered(connection, command);
        }
    }

    private NbdCommand find(long cookie) throws NbdException {
        var command = links.find(connection, cookie);
        if (command == null) {
            throw new NbdException("a reply to a request that is not under way");
        }
        return command;
    }

    /** Notes that bytes come; returns where in the request they are. */
    private int add(NbdCommand command, long offset, long count) throws NbdException {
        if (!command.covers(offset, count)) {
            throw new NbdException("a chunk of data outside of what was asked for");
        }
        int at = (int) (offset - command.offset());
        if (!command.received.add(at, (int) (at + count))) {
            throw new NbdException("chunks of data that overlap, or too many of them");
        }
        return at;
    }

    private void data(NbdCommand command, long count) throws IOException {
        channel.need(8);
        int at = add(command, channel.input().getLong(), count);
        channel.read(command.target(at, (int) count));
    }

    private void hole(NbdCommand command) throws IOException {
        channel.need(12);
        long offset = channel.input().getLong();
        long count = channel.input().getInt() & 0xffff_ffffL;
        command.zero(add(command, offset, count), count);
    }

    private void error(NbdCommand command, int type, long length) throws IOException {
        int fixed = type == REPLY_ERROR_OFFSET ? 14 : 6;
        if (length < fixed || length > MAX_ERROR_CHUNK) {
            throw new NbdException("an error's chunk of %d bytes".formatted(length));
        }
        channel.need(6);
        int error = channel.input().getInt();
        int message = channel.input().getShort() & 0xffff;
        if (error == 0 || message > length - fixed) {
            throw new NbdException("an error's chunk that is malformed");
        }
        channel.skip(message);
        if (type == REPLY_ERROR_OFFSET) {
            channel.need(8);
            if (!command.covers(channel.input().getLong(), 1)) {
                throw new NbdException("an error outside of what was asked for");
            }
        }
        channel.skip((int) length - fixed - message);
        fail(command, error);
    }

    private static void fail(NbdCommand command, int error) throws NbdException {
        if (error == Errno.ESHUTDOWN) {
            // "MUST initiate a soft disconnect"; the request is sent again when it is back.
            throw new NbdException("the server is shutting down");
        }
        if (command.errno == 0) {
            command.errno = NbdProtocol.errno(error);
        }
    }
}
