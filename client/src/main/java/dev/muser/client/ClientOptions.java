package dev.muser.client;

import java.time.Duration;

/**
 * How to reach a server, and what to offer it.
 *
 * @param timeout for each reply, at least 1 ms; when it is over, so is the connection
 * @param appearance how long to wait for the socket to appear; zero to fail at once
 * @param maxDescriptors most descriptors taken with one message, 1 to 253
 * @param maxTransfer most bytes of data in one message, 4 KiB to 64 MiB
 * @param twinSocket whether to offer a second socket for the server's requests
 * @param writeMultiple whether to offer several writes in one message
 * @param postedWrites whether writes to BARs go without a reply: faster, but a refused one is not
 *     noticed
 * @param waiting how to wait for replies
 */
public record ClientOptions(
        Duration timeout,
        Duration appearance,
        int maxDescriptors,
        int maxTransfer,
        boolean twinSocket,
        boolean writeMultiple,
        boolean postedWrites,
        Waiting waiting) {

    /**
     * 5 s for a reply, 16 descriptors, 1 MiB, several writes in one message, no posted writes. No
     * second socket: this client does not need it, and to wait for two costs a system call more.
     */
    public static final ClientOptions DEFAULTS =
            new ClientOptions(
                    Duration.ofSeconds(5),
                    Duration.ZERO,
                    16,
                    1 << 20,
                    false,
                    true,
                    false,
                    Waiting.BLOCKING);

    public ClientOptions {
        if (timeout.toMillis() < 1) {
            throw new IllegalArgumentException("timeout " + timeout + " is below 1 ms");
        }
        if (appearance.isNegative()) {
            throw new IllegalArgumentException("appearance " + appearance + " is negative");
        }
        if (maxDescriptors < 1 || maxDescriptors > 253) {
            throw new IllegalArgumentException(
                    "maxDescriptors " + maxDescriptors + " is not in 1 to 253");
        }
        if (maxTransfer < 4096 || maxTransfer > 64 << 20) {
            throw new IllegalArgumentException(
                    "maxTransfer " + maxTransfer + " is not in 4 KiB to 64 MiB");
        }
    }

    public ClientOptions withTimeout(Duration value) {
        return new ClientOptions(
                value,
                appearance,
                maxDescriptors,
                maxTransfer,
                twinSocket,
                writeMultiple,
                postedWrites,
                waiting);
    }

    public ClientOptions withAppearance(Duration value) {
        return new ClientOptions(
                timeout,
                value,
                maxDescriptors,
                maxTransfer,
                twinSocket,
                writeMultiple,
                postedWrites,
                waiting);
    }

    public ClientOptions withMaxDescriptors(int value) {
        return new ClientOptions(
                timeout,
                appearance,
                value,
                maxTransfer,
                twinSocket,
                writeMultiple,
                postedWrites,
                waiting);
    }

    public ClientOptions withMaxTransfer(int value) {
        return new ClientOptions(
                timeout,
                appearance,
                maxDescriptors,
                value,
                twinSocket,
                writeMultiple,
                postedWrites,
                waiting);
    }

    public ClientOptions withTwinSocket(boolean value) {
        return new ClientOptions(
                timeout,
                appearance,
                maxDescriptors,
                maxTransfer,
                value,
                writeMultiple,
                postedWrites,
                waiting);
    }

    public ClientOptions withWriteMultiple(boolean value) {
        return new ClientOptions(
                timeout,
                appearance,
                maxDescriptors,
                maxTransfer,
                twinSocket,
                value,
                postedWrites,
                waiting);
    }

    public ClientOptions withPostedWrites(boolean value) {
        return new ClientOptions(
                timeout,
                appearance,
                maxDescriptors,
                maxTransfer,
                twinSocket,
                writeMultiple,
                value,
                waiting);
    }

    public ClientOptions withWaiting(Waiting value) {
        return new ClientOptions(
                timeout,
                appearance,
                maxDescriptors,
                maxTransfer,
                twinSocket,
                writeMultiple,
                postedWrites,
                value);
    }
}
