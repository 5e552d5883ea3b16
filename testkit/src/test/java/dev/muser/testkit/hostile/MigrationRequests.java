package dev.muser.testkit.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;

/** What a client sends to have a device migrate (vfio-user, MIG_DEVICE_STATE and MIG_DATA). */
final class MigrationRequests {
    static final int STATE = 2;

    // enum vfio_device_mig_state
    static final int STOP = 1;
    static final int RUNNING = 2;
    static final int STOP_COPY = 3;
    static final int RESUMING = 4;
    static final int PRE_COPY = 6;

    private static final int PIECE = 64 << 10;

    private MigrationRequests() {}

    static Reply state(HostileClient client, long state) {
        return client.ask(
                Requests.FEATURE,
                Requests.feature(16, STATE, Requests.SET).u32(state).u32(-1).get());
    }

    static long state(HostileClient client) {
        return client.ask(Requests.FEATURE, Requests.feature(16, STATE, Requests.GET).get())
                .succeeded(16)
                .u32(8);
    }

    /** Returns the stream of a device that is in STOP_COPY. */
    static byte[] readAll(HostileClient client) {
        var all = Bytes.of();
        int size = PIECE;
        while (size == PIECE) {
            var reply =
                    client.ask(Requests.MIG_READ, Bytes.of().u32(8L + PIECE).u32(PIECE).get())
                            .succeeded(8 + PIECE);
            size = (int) reply.u32(4);
            all.raw(Arrays.copyOf(reply.payload(8), size));
        }
        return all.get();
    }

    /** Writes a stream to a device in RESUMING, in pieces; returns the errno of the last one. */
    static int write(HostileClient client, byte[] stream, int piece) {
        int errno = 0;
        for (int at = 0; at < stream.length; at += piece) {
            var data = Arrays.copyOfRange(stream, at, Math.min(stream.length, at + piece));
            int now =
                    client.ask(
                                    Requests.MIG_WRITE,
                                    Bytes.of()
                                            .u32(8L + data.length)
                                            .u32(data.length)
                                            .raw(data)
                                            .get())
                            .errno();
            assertThat(errno == 0 || now == errno).as("what is refused stays refused").isTrue();
            errno = now;
        }
        return errno;
    }
}
