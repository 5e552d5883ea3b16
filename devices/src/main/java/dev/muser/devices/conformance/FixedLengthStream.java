package dev.muser.devices.conformance;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.muser.device.MigrationState;
import dev.muser.device.VfioException;
import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.MigrationStream;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;

/**
 * A migration stream of a fixed length whose byte at position n is n modulo 251, so that a reader
 * can tell whether it has missed any. What comes in must be as long, or nothing; it is not kept.
 */
final class FixedLengthStream implements MigrationStream {
    private final int length;

    /** How much has come in. */
    private final StateField taken;

    FixedLengthStream(int length, DeviceState state) {
        this.length = length;
        taken = state.field("conformance.stream.taken", Width.U64);
    }

    @Override
    public void transition(MigrationState from, MigrationState to) {
        long came = taken.get();
        if (from == MigrationState.RESUMING && came != 0 && came != length) {
            throw new VfioException(
                    Errno.EINVAL,
                    "migration stream of %d bytes, where it has %d".formatted(came, length));
        }
        taken.set(0);
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
        taken.set(position + count);
    }
}
