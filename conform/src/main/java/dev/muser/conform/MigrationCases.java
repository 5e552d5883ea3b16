package dev.muser.conform;

import static dev.muser.conform.Command.*;
import static dev.muser.conform.Features.*;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.Locale;

/**
 * "VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE", "VFIO_USER_MIG_DATA_READ" and "_WRITE". The device gets
 * no state but its own back, and runs again at the end of each case.
 */
final class MigrationCases {
    private static final int CHUNK = 0x10000;

    /** A longer stream is left alone: it has to be kept, to be written back. */
    private static final int LONGEST = 4 << 20;

    private static final String[] NAMES = {
        "ERROR",
        "STOP",
        "RUNNING",
        "STOP_COPY",
        "RESUMING",
        "RUNNING_P2P",
        "PRE_COPY",
        "PRE_COPY_P2P"
    };

    private MigrationCases() {}

    static Section section() {
        var s = new Section("migration");
        s.must(
                "initial",
                "the device is RUNNING",
                t -> {
                    offered(t);
                    is(t, RUNNING);
                });
        path(s, STOP);
        path(s, STOP, RUNNING);
        path(s, STOP, STOP_COPY, STOP, RUNNING);
        path(s, STOP_COPY, RUNNING);
        path(s, PRE_COPY, RUNNING);
        path(s, PRE_COPY, STOP_COPY, STOP);
        path(s, STOP, PRE_COPY);
        path(s, RUNNING);
        path(s, STOP, STOP);
        path(s, PRE_COPY, STOP);
        path(s, RESUMING);
        path(s, STOP, RESUMING);
        path(s, PRE_COPY, RESUMING);
        path(s, RESUMING, RUNNING);
        path(s, RESUMING, STOP_COPY);
        path(s, RESUMING, PRE_COPY);
        s.must(
                "stop-copy-pre-copy",
                "STOP_COPY to PRE_COPY is refused, and the state stays",
                t -> {
                    offered(t);
                    t.need(t.device().preCopy(), "no PRE_COPY");
                    set(t, STOP_COPY);
                    refuses(t, PRE_COPY, STOP_COPY);
                });
        s.must(
                "pre-copy-not-offered",
                "PRE_COPY is refused where it is not offered",
                t -> {
                    offered(t);
                    t.need(!t.device().preCopy(), "PRE_COPY is offered");
                    refuses(t, PRE_COPY, RUNNING);
                });
        for (long state : new long[] {ERROR_STATE, RUNNING_P2P, PRE_COPY_P2P, 8, 1L << 31}) {
            s.must(
                    "state-" + state,
                    "state %d (%s) is refused, and the state stays"
                            .formatted(
                                    state, state < NAMES.length ? NAMES[(int) state] : "unknown"),
                    t -> {
                        offered(t);
                        refuses(t, state, RUNNING);
                    });
        }
        s.must(
                "set-short",
                "a SET without the state is refused",
                t -> {
                    offered(t);
                    t.refused(FEATURE, Requests.feature(16, MIG_DEVICE_STATE, SET));
                    t.refused(FEATURE, Requests.feature(16, MIG_DEVICE_STATE, SET).u16(STOP));
                    is(t, RUNNING);
                });
        s.should(
                "stopped-config",
                "configuration space can be read in STOP",
                t -> {
                    offered(t);
                    set(t, STOP);
                    RegionReadCases.read(t, 0, 4);
                });
        s.should(
                "reset",
                "a reset leads back to RUNNING",
                t -> {
                    offered(t);
                    t.need(t.device().resettable(), "no reset");
                    set(t, STOP);
                    t.accepted(RESET, Bytes.of());
                    is(t, RUNNING);
                });
        data(s);
        return s;
    }

    private static void data(Section s) {
        s.must(
                "stream",
                "the stream of STOP_COPY comes to an end, and then there is no more",
                t -> {
                    offered(t);
                    set(t, STOP_COPY);
                    var stream = stream(t);
                    t.check(stream.length > 0, "a stream", "no byte");
                    t.equal("size behind the end", 0, read(t, CHUNK).u32(4));
                });
        s.must(
                "small-reads",
                "a stream that is read in pieces of 512 bytes is the same",
                t -> {
                    offered(t);
                    set(t, STOP_COPY);
                    int whole = stream(t).length;
                    set(t, STOP);
                    set(t, STOP_COPY);
                    int total = 0;
                    for (int got = 512; got == 512 && total <= whole; total += got) {
                        got = (int) read(t, 512).u32(4);
                    }
                    t.equal("length of the stream", whole, total);
                });
        s.must(
                "round-trip",
                "a device takes its own stream in RESUMING, and then runs",
                t -> {
                    offered(t);
                    set(t, STOP_COPY);
                    var stream = stream(t);
                    set(t, RESUMING);
                    is(t, RESUMING);
                    writeAll(t, stream);
                    set(t, STOP);
                    set(t, RUNNING);
                    t.serves();
                });
        s.should(
                "truncated",
                "half a stream is refused at the end of RESUMING, and a reset brings the device"
                        + " back",
                MigrationCases::truncated);
        noData(s, "read", "running", RUNNING);
        noData(s, "read", "stopped", STOP);
        noData(s, "read", "resuming", RESUMING);
        noData(s, "write", "running", RUNNING);
        noData(s, "write", "stopped", STOP);
        noData(s, "write", "saving", STOP_COPY);
        noData(s, "write", "pre-copy", PRE_COPY);
        s.must(
                "read-argsz",
                "reading more than argsz has room for is refused",
                t -> {
                    offered(t);
                    set(t, STOP_COPY);
                    t.refused(MIG_DATA_READ, Bytes.of().u32(8 + 511).u32(512));
                });
        s.must(
                "read-too-much",
                "reading more than the client's max_data_xfer_size is refused",
                t -> {
                    offered(t);
                    set(t, STOP_COPY);
                    t.refused(MIG_DATA_READ, Bytes.of().u32(8L + (2 << 20)).u32(2 << 20));
                });
        s.must(
                "read-short",
                "a request to read without its size is refused",
                t -> {
                    offered(t);
                    set(t, STOP_COPY);
                    t.refused(MIG_DATA_READ, Bytes.of().u32(8 + 512));
                });
        s.should(
                "padded",
                "a reply has as many bytes as were asked for, as clients need it",
                t -> {
                    offered(t);
                    set(t, STOP_COPY);
                    stream(t);
                    t.equal("length", 8 + 512, read(t, 512).length());
                });
        s.must(
                "without",
                "a device that does not migrate refuses to read and to write its state",
                t -> {
                    t.need(!t.device().migrates(), "the device migrates");
                    t.refused(MIG_DATA_READ, Bytes.of().u32(8 + 512).u32(512));
                    t.refused(MIG_DATA_WRITE, write(new byte[8]));
                });
    }

    /** A case about a state that has no such data. */
    private static void noData(Section s, String what, String where, int state) {
        s.must(
                what + "-" + where,
                "%sing data in %s is refused"
                        .formatted(what.equals("read") ? "read" : "writ", NAMES[state]),
                t -> {
                    offered(t);
                    t.need(state != PRE_COPY || t.device().preCopy(), "no PRE_COPY");
                    var own = state == RESUMING ? own(t) : new byte[0];
                    t.finallyDo(() -> writeAll(t, own)); // so it leaves RESUMING as it was
                    set(t, state);
                    if (what.equals("read")) {
                        t.refused(MIG_DATA_READ, Bytes.of().u32(8 + 512).u32(512));
                    } else {
                        t.refused(MIG_DATA_WRITE, write(new byte[8]));
                    }
                    is(t, state);
                });
    }

    private static void truncated(Trial t) {
        offered(t);
        t.need(t.device().resettable(), "no reset");
        var own = own(t);
        t.need(own.length > 1, "a state of one byte");
        int half = own.length / 2;
        t.finallyDo(() -> {
            t.answered(RESET, Bytes.of());
            if (state(t) == RESUMING) { // of a server whose resets change no state of migration
                writeAll(t, Arrays.copyOfRange(own, half, own.length));
            } else {
                set(t, RESUMING);
                writeAll(t, own);
            }
        });
        set(t, RESUMING);
        writeAll(t, Arrays.copyOf(own, half));
        t.refused(FEATURE, request(STOP));
        long state = state(t);
        t.check(state == RESUMING || state == ERROR_STATE, "RESUMING, or ERROR", "state " + state);
        t.accepted(RESET, Bytes.of());
        is(t, RUNNING);
        t.serves();
    }

    /** Takes a device's state from it, to be given back; it runs on. */
    private static byte[] own(Trial t) {
        set(t, STOP_COPY);
        var stream = stream(t);
        set(t, RUNNING);
        return stream;
    }

    private static void writeAll(Trial t, byte[] stream) {
        for (int at = 0; at < stream.length; at += CHUNK) {
            var part = Arrays.copyOfRange(stream, at, Math.min(at + CHUNK, stream.length));
            t.acceptedWith(0, MIG_DATA_WRITE, write(part));
        }
    }

    /**
     * A case that goes from RUNNING through these states, with its own state where it takes one.
     */
    private static void path(Section s, int... states) {
        var name = new StringBuilder("running");
        var title = new StringBuilder("RUNNING");
        for (int state : states) {
            name.append('-').append(NAMES[state].toLowerCase(Locale.ROOT).replace("_", ""));
            title.append(" to ").append(NAMES[state]);
        }
        boolean preCopy = Arrays.stream(states).anyMatch(state -> state == PRE_COPY);
        boolean resuming = Arrays.stream(states).anyMatch(state -> state == RESUMING);
        s.must(
                name.toString(),
                title + ": each is entered before the reply",
                t -> {
                    offered(t);
                    t.need(!preCopy || t.device().preCopy(), "no PRE_COPY");
                    var own = resuming ? own(t) : new byte[0];
                    for (int state : states) {
                        set(t, state);
                        is(t, state);
                        if (state == RESUMING) {
                            writeAll(t, own);
                        }
                    }
                });
    }

    static void offered(Trial t) {
        t.need(t.device().migrates(), "the device does not migrate");
        t.finallyDo(() -> {
            if (t.answered(FEATURE, request(RUNNING)).isError()) {
                t.answered(RESET, Bytes.of());
            }
        });
    }

    // struct vfio_device_feature_mig_state: device_state u32, data_fd u32, which is not used

    private static Bytes request(long state) {
        return Requests.feature(16, MIG_DEVICE_STATE, SET).u32(state).u32(0xffffffffL);
    }

    static void set(Trial t, int state) {
        var request = request(state);
        var reply = t.acceptedWith(16, FEATURE, request);
        t.check(
                Arrays.equals(
                        Arrays.copyOf(reply.payload(4), 8),
                        Arrays.copyOfRange(request.get(), 4, 12)),
                "flags and state of the request: " + Hex.of(request.get()),
                Hex.of(reply.payload(0)));
    }

    static void is(Trial t, int state) {
        t.equal("device_state", state, state(t));
    }

    private static long state(Trial t) {
        var reply = t.acceptedWith(16, FEATURE, Requests.feature(16, MIG_DEVICE_STATE, GET));
        t.equal("argsz", 16, reply.u32(0));
        return reply.u32(8);
    }

    private static void refuses(Trial t, long state, int stays) {
        t.refused(FEATURE, request(state));
        is(t, stays);
    }

    private static Message read(Trial t, int size) {
        var reply = t.accepted(MIG_DATA_READ, Bytes.of().u32(8L + size).u32(size));
        t.check(reply.length() >= 8, "8 bytes at least", reply.length() + " bytes");
        long got = reply.u32(4);
        t.check(got <= size, "a size of at most " + size, got + "");
        t.equal("argsz", 8 + got, reply.u32(0));
        t.check(
                reply.length() == 8 + got || reply.length() == 8 + size,
                "%d bytes of payload, or %d with padding".formatted(8 + got, 8 + size),
                reply.length() + "");
        return reply;
    }

    private static byte[] stream(Trial t) {
        var all = new ByteArrayOutputStream();
        int got;
        do {
            var reply = read(t, CHUNK);
            got = (int) reply.u32(4);
            all.write(reply.payload(8), 0, got);
            t.need(all.size() <= LONGEST, "a state of more than 4 MiB");
        } while (got == CHUNK);
        return all.toByteArray();
    }

    private static Bytes write(byte[] data) {
        return Bytes.of().u32(8L + data.length).u32(data.length).raw(data);
    }
}
