package dev.muser.devices.nvme;

/**
 * What has been read from a namespace, and written to it.
 *
 * @param readCommands reads that succeeded
 * @param writeCommands writes that succeeded
 * @param bytesRead by them
 * @param bytesWritten by them
 */
public record NamespaceCounters(
        long readCommands, long writeCommands, long bytesRead, long bytesWritten) {

    NamespaceCounters plus(NamespaceCounters other) {
        return new NamespaceCounters(
                readCommands + other.readCommands,
                writeCommands + other.writeCommands,
                bytesRead + other.bytesRead,
                bytesWritten + other.bytesWritten);
    }
}
