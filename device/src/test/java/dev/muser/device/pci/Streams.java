package dev.muser.device.pci;

import dev.muser.device.Migration;
import dev.muser.device.MigrationState;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** What a client does with the streams of devices that it migrates. */
final class Streams {
    private static final int PIECE = 100_003; // cuts records anywhere

    private Streams() {}

    /** Reads what there is now. */
    static byte[] read(Migration from) {
        var all = new ByteArrayOutputStream();
        try (var arena = Arena.ofConfined()) {
            var buffer = arena.allocate(PIECE);
            int n;
            do {
                n = from.read(buffer, 0, PIECE);
                all.writeBytes(buffer.asSlice(0, n).toArray(ValueLayout.JAVA_BYTE));
            } while (n == PIECE);
        }
        return all.toByteArray();
    }

    /** Stops the device and returns all of it. */
    static byte[] stopAndRead(Migration from) {
        from.moveTo(MigrationState.STOP_COPY);
        return read(from);
    }

    static void write(Migration to, byte[] stream) {
        try (var arena = Arena.ofConfined()) {
            var buffer = arena.allocate(Math.max(1, stream.length));
            MemorySegment.copy(stream, 0, buffer, ValueLayout.JAVA_BYTE, 0, stream.length);
            for (int at = 0; at < stream.length; at += PIECE) {
                to.write(buffer, at, Math.min(PIECE, stream.length - at));
            }
        }
    }

    /** Has a device become what the stream says, and run. */
    static void resume(Migration to, byte[] stream) {
        to.moveTo(MigrationState.RESUMING);
        write(to, stream);
        to.moveTo(MigrationState.RUNNING);
    }
}
