package dev.muser.devices.conformance;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.muser.device.VfioException;
import dev.muser.device.pci.MigrationStream;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;

/**
 * A migration stream of a fixed length whose byte at position n is n modulo 251, so that a reader
 * can tell whether it has missed any. What comes in must be no longer. It keeps nothing itself.
 */
final class FixedLengthStream implements MigrationStream {
    private final int length;

    FixedLengthStream(int length) {
        this.length = length;
    }

    @Override
    public int read(long position, MemorySegment buffer, long at, int count) {
        int n = Math.clamp(length - position, 0, count);
        for (int i = 0; i < n; i++) {
            buffer.set(JAVA_BYTE, at + i, (byte) ((position + i) % 251));
        }
        return n;
    }

    @Override
    public void write(long position, MemorySegment buffer, long at, int count) {
        if (count > length - position) {
            throw new VfioException(
                    Errno.ENOSPC, "migration stream of more than %d bytes".formatted(length));
        }
    }
}
