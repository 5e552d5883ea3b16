package dev.muser.devices.timer;

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
 * What a timer moves: the bytes of BAR1, then those of BAR0, which are the time. A VMM that has
 * read it while the device ran sends it twice: the last one counts.
 */
final class TimerStream implements MigrationStream {
    private final TimerDevice device;

    /** How much has come in. */
    private final StateField taken;

    TimerStream(TimerDevice device, DeviceState state) {
        this.device = device;
        taken = state.field("timer.stream.taken", Width.U64);
    }

    private long length() {
        return device.memory().size() + Long.BYTES;
    }

    @Override
    public void transition(MigrationState from, MigrationState to) {
        if (from == MigrationState.RESUMING && taken.get() != 0) {
            if (taken.get() % length() != 0) {
                throw new VfioException(
                        Errno.EINVAL,
                        "migration stream of %d bytes, where it has %d"
                                .formatted(taken.get(), length()));
            }
            device.taken();
        }
        taken.set(0);
        device.stop(to != MigrationState.RUNNING && to != MigrationState.PRE_COPY);
    }

    @Override
    public int read(long position, MemorySegment buffer, long at, int count) {
        long bar = device.memory().size();
        int n = Math.clamp(length() - position, 0, count);
        int inMemory = Math.clamp(bar - position, 0, n);
        if (inMemory > 0) {
            MemorySegment.copy(device.memory().segment(), position, buffer, at, inMemory);
        }
        for (int i = inMemory; i < n; i++) {
            int shift = 8 * (int) (position + i - bar);
            buffer.set(JAVA_BYTE, at + i, (byte) (device.time() >>> shift));
        }
        return n;
    }

    @Override
    public void write(long position, MemorySegment buffer, long at, int count) {
        for (int done = 0; done < count; ) {
            done += writePart((position + done) % length(), buffer, at + done, count - done);
        }
        taken.set(position + count);
    }

    /** Takes bytes up to the end of BAR1, or one byte of the time; returns how many. */
    private int writePart(long position, MemorySegment buffer, long at, int count) {
        long left = device.memory().size() - position;
        if (left > 0) {
            int n = (int) Math.min(left, count);
            MemorySegment.copy(buffer, at, device.memory().segment(), position, n);
            return n;
        }
        int shift = 8 * (int) -left;
        long other = device.time() & ~(0xffL << shift);
        device.takeTime(other | (buffer.get(JAVA_BYTE, at) & 0xffL) << shift);
        return 1;
    }
}
