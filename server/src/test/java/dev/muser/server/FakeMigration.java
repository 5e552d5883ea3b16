package dev.muser.server;

import dev.muser.device.Migration;
import dev.muser.device.MigrationState;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicInteger;

/** A migration that goes where it is told, with a stream of given bytes. */
final class FakeMigration implements Migration {
    volatile MigrationState state = MigrationState.RUNNING;
    volatile byte[] outgoing = {};
    final ByteArrayOutputStream incoming = new ByteArrayOutputStream();
    private int taken;

    /** How often it is not prepared yet. */
    final AtomicInteger unprepared = new AtomicInteger();

    @Override
    public boolean preCopy() {
        return true;
    }

    @Override
    public MigrationState state() {
        return state;
    }

    @Override
    public boolean prepare(MigrationState target) {
        return unprepared.getAndUpdate(n -> Math.max(0, n - 1)) == 0;
    }

    @Override
    public void moveTo(MigrationState target) {
        if (target == MigrationState.ERROR || target == MigrationState.RUNNING_P2P) {
            throw new VfioException(Errno.EINVAL, "no way to " + target);
        }
        state = target;
        taken = 0;
    }

    @Override
    public int read(MemorySegment buffer, long at, int count) {
        if (state != MigrationState.STOP_COPY && state != MigrationState.PRE_COPY) {
            throw new VfioException(Errno.EINVAL, "no outgoing stream");
        }
        int n = Math.min(count, outgoing.length - taken);
        MemorySegment.copy(outgoing, taken, buffer, ValueLayout.JAVA_BYTE, at, n);
        taken += n;
        return n;
    }

    @Override
    public void write(MemorySegment buffer, long at, int count) {
        if (state != MigrationState.RESUMING) {
            throw new VfioException(Errno.EINVAL, "no incoming stream");
        }
        incoming.writeBytes(buffer.asSlice(at, count).toArray(ValueLayout.JAVA_BYTE));
    }
}
