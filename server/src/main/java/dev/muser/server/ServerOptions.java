package dev.muser.server;

import java.time.Duration;
import java.util.Set;

/**
 * What one client of a device may do, and how much of it.
 *
 * <p>Descriptors that a client can have this process keep: its socket and the twin of it; three
 * eventfds for each interrupt that can be masked (to signal, to be told to mask, and to unmask) and
 * one each for ERR and REQ, so some 6,150 for a device with 2,048 MSI-X vectors and an INTx line;
 * and 1,024 that came with a message which is not complete. Memory files are mapped and closed. The
 * process's limit ({@code ulimit -n}) has to allow that for each device, or one client can keep
 * others from connecting and from mapping memory; it costs them no session.
 *
 * @param allowedUsers user ids that may connect; empty for anybody whom the socket file lets
 * @param maxTransfer most data bytes in one message, both ways; 4096 to 64 MiB. A client may ask
 *     for less, and of a device that outlives its process it is 64 KiB at most
 * @param partialMessageTime how long a message, or the negotiation, may take from its first byte
 *     (or the connection) to its last
 * @param messagesPerTurn how many messages are handled before other clients of the loop have their
 *     turn
 * @param twinSocket whether a client that offers it gets a second socket for what the server sends
 * @param writeMultiple whether a client that offers it may use {@code REGION_WRITE_MULTI}
 */
public record ServerOptions(
        Set<Integer> allowedUsers,
        int maxTransfer,
        Duration partialMessageTime,
        int messagesPerTurn,
        boolean twinSocket,
        boolean writeMultiple) {

    public static final ServerOptions DEFAULTS =
            new ServerOptions(Set.of(), 1 << 20, Duration.ofSeconds(5), 256, true, true);

    public ServerOptions {
        allowedUsers = Set.copyOf(allowedUsers);
        if (maxTransfer < 4096 || maxTransfer > 64 << 20) {
            throw new IllegalArgumentException(
                    "maxTransfer " + maxTransfer + ": must be 4096 to " + (64 << 20));
        }
        if (partialMessageTime.isNegative() || partialMessageTime.isZero()) {
            throw new IllegalArgumentException("partialMessageTime must be above 0");
        }
        if (messagesPerTurn < 1) {
            throw new IllegalArgumentException("messagesPerTurn must be at least 1");
        }
    }

    public ServerOptions withAllowedUsers(Set<Integer> users) {
        return new ServerOptions(
                users, maxTransfer, partialMessageTime, messagesPerTurn, twinSocket, writeMultiple);
    }

    public ServerOptions withMaxTransfer(int bytes) {
        return new ServerOptions(
                allowedUsers,
                bytes,
                partialMessageTime,
                messagesPerTurn,
                twinSocket,
                writeMultiple);
    }

    public ServerOptions withPartialMessageTime(Duration time) {
        return new ServerOptions(
                allowedUsers, maxTransfer, time, messagesPerTurn, twinSocket, writeMultiple);
    }

    public ServerOptions withTwinSocket(boolean on) {
        return new ServerOptions(
                allowedUsers, maxTransfer, partialMessageTime, messagesPerTurn, on, writeMultiple);
    }
}
