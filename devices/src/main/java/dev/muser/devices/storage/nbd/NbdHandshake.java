package dev.muser.devices.storage.nbd;

import static dev.muser.devices.storage.nbd.NbdProtocol.FIXED_NEWSTYLE;
import static dev.muser.devices.storage.nbd.NbdProtocol.INFO_BLOCK_SIZE;
import static dev.muser.devices.storage.nbd.NbdProtocol.INFO_EXPORT;
import static dev.muser.devices.storage.nbd.NbdProtocol.NO_ZEROES;
import static dev.muser.devices.storage.nbd.NbdProtocol.OPT_ABORT;
import static dev.muser.devices.storage.nbd.NbdProtocol.OPT_EXPORT_NAME;
import static dev.muser.devices.storage.nbd.NbdProtocol.OPT_GO;
import static dev.muser.devices.storage.nbd.NbdProtocol.OPT_STRUCTURED_REPLY;
import static dev.muser.devices.storage.nbd.NbdProtocol.REP_ACK;
import static dev.muser.devices.storage.nbd.NbdProtocol.REP_ERR_TLS_REQD;
import static dev.muser.devices.storage.nbd.NbdProtocol.REP_ERR_UNSUP;
import static dev.muser.devices.storage.nbd.NbdProtocol.REP_INFO;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** The start of a connection, up to where requests can be sent ("Fixed newstyle negotiation"). */
final class NbdHandshake {
    /** No option that we use has more replies. */
    private static final int MAX_REPLIES = 32;

    /** A name and a message of 4096 bytes each, and some. */
    private static final int MAX_REPLY = 16 << 10;

    private static final int RESERVED = 124;

    /** A server that does not say: a client "SHOULD constrain its requests" to these. */
    private static final int DEFAULT_MINIMUM = 512;

    private static final long DEFAULT_MAXIMUM = 32L << 20;

    /** What StorageInfo can say. */
    private static final int GREATEST_MINIMUM = 4096;

    private final NbdChannel channel;
    private final String export;
    private boolean noZeroes;

    private boolean described;
    private long size;
    private int flags;
    private long minimum = DEFAULT_MINIMUM;
    private long maximum = DEFAULT_MAXIMUM;

    private NbdHandshake(NbdChannel channel, String export) {
        this.channel = channel;
        this.export = export;
    }

    /**
     * @throws NbdException when the server refuses, or is none
     */
    static NbdExport run(NbdChannel channel, String export) throws IOException {
        return new NbdHandshake(channel, export).run();
    }

    private NbdExport run() throws IOException {
        boolean structured = false;
        if (greet()) {
            structured = requestStructured();
            if (!go()) {
                chooseByName();
            }
        } else {
            chooseByName();
        }
        return check(structured);
    }

    /** Returns whether the server knows options. */
    private boolean greet() throws IOException {
        channel.need(16);
        if (channel.input().getLong() != NbdProtocol.INIT_PASSWD) {
            throw new NbdException("what answers is no NBD server");
        }
        long style = channel.input().getLong();
        if (style == NbdProtocol.OLD_STYLE) {
            throw new NbdException("the server only knows the old protocol, without export names");
        }
        if (style != NbdProtocol.OPTION_MAGIC) {
            throw new NbdException("what answers is no NBD server");
        }
        channel.need(2);
        int known = channel.input().getShort() & (FIXED_NEWSTYLE | NO_ZEROES);
        noZeroes = (known & NO_ZEROES) != 0;
        channel.write(ByteBuffer.allocate(4).putInt(known).flip());
        return (known & FIXED_NEWSTYLE) != 0;
    }

    private void send(int option, ByteBuffer data) throws IOException {
        channel.write(
                ByteBuffer.allocate(16 + data.remaining())
                        .putLong(NbdProtocol.OPTION_MAGIC)
                        .putInt(option)
                        .putInt(data.remaining())
                        .put(data)
                        .flip());
    }

    private boolean requestStructured() throws IOException {
        send(OPT_STRUCTURED_REPLY, ByteBuffer.allocate(0));
        var reply = receive(OPT_STRUCTURED_REPLY);
        if (reply.type == REP_ACK) {
            return true;
        }
        if (reply.type == REP_ERR_TLS_REQD || reply.type >= 0) {
            throw refused(reply);
        }
        return false;
    }

    /** Returns false when the server does not know this way. */
    private boolean go() throws IOException {
        var name = export.getBytes(StandardCharsets.UTF_8);
        send(
                OPT_GO,
                ByteBuffer.allocate(4 + name.length + 6)
                        .putInt(name.length)
                        .put(name)
                        .putShort((short) 2)
                        .putShort((short) INFO_EXPORT)
                        .putShort((short) INFO_BLOCK_SIZE)
                        .flip());
        for (int i = 0; i < MAX_REPLIES; i++) {
            var reply = receive(OPT_GO);
            switch (reply.type) {
                case REP_ACK -> {
                    if (!described) {
                        throw new NbdException("the server does not say how large the export is");
                    }
                    return true;
                }
                case REP_ERR_UNSUP -> {
                    return false;
                }
                case REP_INFO -> describe(reply.data);
                default -> throw refused(reply);
            }
        }
        throw new NbdException("the server's replies to an option do not end");
    }

    private void describe(ByteBuffer data) throws NbdException {
        int information = data.remaining() < 2 ? -1 : data.getShort() & 0xffff;
        if (information == INFO_EXPORT && data.remaining() == 10) {
            size = data.getLong();
            flags = data.getShort() & 0xffff;
            described = true;
        } else if (information == INFO_BLOCK_SIZE && data.remaining() == 12) {
            minimum = data.getInt() & 0xffff_ffffL;
            data.getInt(); // the preferred size
            maximum = data.getInt() & 0xffff_ffffL;
        } else if (information == -1
                || information == INFO_EXPORT
                || information == INFO_BLOCK_SIZE) {
            throw new NbdException("the server describes the export in a malformed way");
        }
    }

    private void chooseByName() throws IOException {
        send(OPT_EXPORT_NAME, StandardCharsets.UTF_8.encode(export));
        try {
            channel.need(10);
        } catch (IOException e) {
            // All that the server can do to refuse.
            throw new NbdException(
                    "the server closed the connection: is there an export %s?".formatted(quoted()));
        }
        size = channel.input().getLong();
        flags = channel.input().getShort() & 0xffff;
        if (!noZeroes) {
            channel.skip(RESERVED);
        }
    }

    private NbdExport check(boolean structured) throws IOException {
        if (size < 0) {
            throw new NbdException("an export of %s bytes".formatted(Long.toUnsignedString(size)));
        }
        if ((flags & NbdProtocol.HAS_FLAGS) == 0) {
            flags = 0; // "MUST always be 1"; then no flag can be trusted
        }
        if (minimum == 0 || Long.bitCount(minimum) != 1 || maximum < minimum) {
            throw new NbdException(
                    "the server's blocks are of %d to %d bytes".formatted(minimum, maximum));
        }
        if (minimum > GREATEST_MINIMUM) {
            throw new NbdException(
                    "the server's smallest block is %d bytes; at most 4096 are supported"
                            .formatted(minimum));
        }
        return new NbdExport(size, flags, (int) minimum, maximum & -minimum, structured);
    }

    private record Reply(int type, ByteBuffer data) {}

    private Reply receive(int option) throws IOException {
        channel.need(20);
        var input = channel.input();
        if (input.getLong() != NbdProtocol.OPTION_REPLY_MAGIC || input.getInt() != option) {
            throw new NbdException("the server's reply to an option is malformed");
        }
        int type = input.getInt();
        int length = input.getInt();
        if (length < 0 || length > MAX_REPLY) {
            throw new NbdException(
                    "the server's reply to an option has %s bytes"
                            .formatted(Integer.toUnsignedString(length)));
        }
        var data = ByteBuffer.allocate(length);
        channel.read(data);
        return new Reply(type, data.flip());
    }

    private NbdException refused(Reply reply) {
        try {
            send(OPT_ABORT, ByteBuffer.allocate(0));
        } catch (IOException e) {
            // It hears of it when the connection is closed.
        }
        var reason =
                switch (reply.type) {
                    case REP_ERR_TLS_REQD -> "the server demands TLS, which is not supported";
                    case NbdProtocol.REP_ERR_UNKNOWN ->
                            "the server has no export %s".formatted(quoted());
                    case NbdProtocol.REP_ERR_SHUTDOWN -> "the server is shutting down";
                    case NbdProtocol.REP_ERR_POLICY ->
                            "the server does not allow export %s".formatted(quoted());
                    case NbdProtocol.REP_ERR_INVALID,
                            NbdProtocol.REP_ERR_PLATFORM,
                            NbdProtocol.REP_ERR_BLOCK_SIZE_REQD,
                            NbdProtocol.REP_ERR_TOO_BIG ->
                            "the server refuses export %s".formatted(quoted());
                    default ->
                            "the server's reply to an option is of type %#x".formatted(reply.type);
                };
        var said = NbdText.printable(reply.data);
        return new NbdException(said.isEmpty() ? reason : reason + " (it says: " + said + ")");
    }

    private String quoted() {
        return "'" + NbdText.printable(StandardCharsets.UTF_8.encode(export)) + "'";
    }
}
