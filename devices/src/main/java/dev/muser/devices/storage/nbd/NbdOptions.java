package dev.muser.devices.storage.nbd;

import java.time.Duration;

/**
 * How an NBD server is used.
 *
 * @param connections at most so many, and one if the server does not say CAN_MULTI_CONN
 * @param connectTime within which a connection must be ready for use
 * @param reconnectTime for so long requests wait for a server that is away, then they fail
 * @param replyTime a connection with requests under way that is silent for so long is lost
 * @param bytesUnderWay how many bytes of data may be on their way; what is more waits
 */
public record NbdOptions(
        int connections,
        Duration connectTime,
        Duration reconnectTime,
        Duration replyTime,
        long bytesUnderWay) {
    public static final NbdOptions DEFAULTS =
            new NbdOptions(
                    4,
                    Duration.ofSeconds(10),
                    Duration.ofSeconds(60),
                    Duration.ofSeconds(60),
                    32L << 20);

    public NbdOptions {
        if (connections < 1 || connections > 64) {
            throw new IllegalArgumentException(
                    "%d connections: from 1 to 64 are possible".formatted(connections));
        }
        if (!connectTime.isPositive() || reconnectTime.isNegative() || !replyTime.isPositive()) {
            throw new IllegalArgumentException(
                    "times of %s, %s, %s: more than 0 is needed"
                            .formatted(connectTime, reconnectTime, replyTime));
        }
        if (bytesUnderWay < NbdCommand.MAX_DATA) {
            throw new IllegalArgumentException(
                    "%d bytes under way: at least %d are needed"
                            .formatted(bytesUnderWay, NbdCommand.MAX_DATA));
        }
    }

    public NbdOptions withConnections(int count) {
        return new NbdOptions(count, connectTime, reconnectTime, replyTime, bytesUnderWay);
    }

    public NbdOptions withConnectTime(Duration time) {
        return new NbdOptions(connections, time, reconnectTime, replyTime, bytesUnderWay);
    }

    public NbdOptions withReconnectTime(Duration time) {
        return new NbdOptions(connections, connectTime, time, replyTime, bytesUnderWay);
    }

    public NbdOptions withReplyTime(Duration time) {
        return new NbdOptions(connections, connectTime, reconnectTime, time, bytesUnderWay);
    }

    public NbdOptions withBytesUnderWay(long bytes) {
        return new NbdOptions(connections, connectTime, reconnectTime, replyTime, bytes);
    }
}
