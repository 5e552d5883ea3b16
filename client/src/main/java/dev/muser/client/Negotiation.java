package dev.muser.client;

import dev.muser.device.VfioException;
import dev.muser.linux.Fd;
import dev.muser.linux.SyscallException;
import dev.muser.linux.UnixSocket;
import dev.muser.protocol.Capabilities;
import dev.muser.protocol.Command;
import dev.muser.protocol.Header;
import dev.muser.protocol.ProtocolException;
import dev.muser.protocol.VersionMessage;
import java.util.List;

/** The first exchange of a session: VERSION. */
final class Negotiation {
    private final Connection connection;
    private final ClientOptions options;

    private Negotiation(Connection connection, ClientOptions options) {
        this.connection = connection;
        this.options = options;
    }

    /**
     * Offers what {@code options} say, and takes the twin socket into use when the server gives it.
     *
     * @throws VfioException when the server refuses the version
     */
    static Limits run(Connection connection, ClientOptions options) {
        return new Negotiation(connection, options).run();
    }

    private Limits run() {
        var defaults = Capabilities.DEFAULTS;
        var offered =
                new Capabilities(
                        options.maxDescriptors(),
                        options.maxTransfer(),
                        defaults.maxDmaMaps(),
                        defaults.pgsizes(),
                        options.writeMultiple(),
                        options.twinSocket()
                                ? new Capabilities.TwinSocket(true, Capabilities.TwinSocket.NO_FD)
                                : null,
                        null);
        var json = offered.encode();
        var request = connection.request(VersionMessage.SIZE + json.length);
        int length =
                VersionMessage.encode(
                        request,
                        Header.SIZE,
                        VersionMessage.CURRENT_MAJOR,
                        VersionMessage.CURRENT_MINOR,
                        json);
        int reply = connection.callForDescriptors(Command.VERSION, length, List.of());
        var descriptors = connection.takeReplyDescriptors();
        try {
            return agree(reply, descriptors);
        } finally {
            descriptors.forEach(Fd::close); // what became the twin socket has been taken out
        }
    }

    private Limits agree(int length, List<Fd> descriptors) {
        var version = new VersionMessage().wrap(connection.reply(), connection.replyAt(), length);
        if (version.validateReply(VersionMessage.CURRENT_MINOR) != 0) {
            throw connection.violated(
                    length < VersionMessage.SIZE
                            ? "VERSION reply with %d bytes of payload".formatted(length)
                            : "it speaks version %d.%d, this client 0.0 to 0.%d"
                                    .formatted(
                                            version.major(),
                                            version.minor(),
                                            VersionMessage.CURRENT_MINOR));
        }
        Capabilities answered;
        try {
            answered = version.capabilities();
        } catch (ProtocolException e) {
            throw connection.violated("VERSION reply: " + e.getMessage());
        }
        boolean twin = options.twinSocket() && answered.hasTwinSocket();
        if (twin) {
            takeTwin(answered, descriptors);
        }
        return new Limits(
                version.minor(),
                Math.min(answered.maxMsgFds(), 253),
                (int) Math.min(answered.maxDataXferSize(), options.maxTransfer()),
                answered.maxDmaMaps(),
                answered.pgsizes(),
                options.writeMultiple() && answered.writeMultiple(),
                twin);
    }

    private void takeTwin(Capabilities answered, List<Fd> descriptors) {
        var object = answered.twinSocket();
        int index = object == null ? Capabilities.TwinSocket.NO_FD : object.fdIndex();
        if (index < 0 || index >= descriptors.size()) {
            throw connection.violated(
                    "VERSION reply: twin_socket.fd_index %d, but %d descriptors came"
                            .formatted(index, descriptors.size()));
        }
        try {
            connection.twin(UnixSocket.adopt(descriptors.get(index)));
        } catch (SyscallException e) {
            throw connection.violated("VERSION reply: twin socket: " + e.getMessage());
        }
        descriptors.remove(index);
    }
}
