package dev.muser.conform;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;

/** The fake device's features: migration of a state of 1,500 bytes, and logging of no writes. */
final class FakeMigration {
    private static final int SIZE = 1500;
    private static final int MAX_READ = 1 << 20;

    /** Each state's way to others, the next hop first (vfio-user, "Direct State Transitions"). */
    private static final Map<Integer, Map<Integer, Integer>> NEXT =
            Map.of(
                    1, Map.of(2, 2, 3, 3, 4, 4, 6, 2),
                    2, Map.of(1, 1, 3, 1, 4, 1, 6, 6),
                    3, Map.of(1, 1, 2, 1, 4, 1),
                    4, Map.of(1, 1, 2, 1, 3, 1, 6, 1),
                    6, Map.of(2, 2, 3, 3, 1, 2, 4, 2));

    private final Set<Fault> faults;
    private final FakeDma dma;
    private int state = 2;
    private int position;
    private int taken;
    private long logging;

    FakeMigration(Set<Fault> faults, FakeDma dma) {
        this.faults = faults;
        this.dma = dma;
    }

    void reset() {
        if (!faults.contains(Fault.MIGRATION_NOT_RESET)) {
            state = 2;
        }
    }

    void disconnected() {
        if (!faults.contains(Fault.MIGRATION_KEPT)) {
            state = 2;
        }
        if (!faults.contains(Fault.LOGGING_KEPT)) {
            log(0);
        }
    }

    FakeReply feature(ByteBuffer request) {
        if (request.remaining() < 8) {
            return FakeReply.INVALID;
        }
        long argsz = Integer.toUnsignedLong(request.getInt(0));
        int flags = request.getInt(4);
        int feature = flags & 0xffff;
        boolean get = (flags & 1 << 16) != 0;
        boolean set = (flags & 1 << 17) != 0;
        boolean probe = (flags & 1 << 18) != 0;
        boolean gets = feature == 1 || feature == 2 || feature == 8;
        boolean sets = feature == 2 || feature == 6 || feature == 7;
        if (argsz < 8 || flags >>> 19 != 0) {
            return FakeReply.INVALID;
        }
        if (probe && faults.contains(Fault.PROBE_ANYTHING)) {
            return FakeReply.of(FakeDevice.bytes(request));
        }
        if (!(gets || sets)) {
            return FakeReply.INVALID;
        }
        if ((get && !gets) || (set && !sets) || (get && set && !probe)) {
            return FakeReply.INVALID;
        }
        if (probe) {
            return FakeReply.of(FakeDevice.bytes(request));
        }
        if (get) {
            return switch (feature) {
                case 1 -> reply(argsz, flags, Bytes.of().u64(5));
                case 2 -> reply(argsz, flags, Bytes.of().u32(state).u32(0xffffffffL));
                default -> report(argsz, flags, request);
            };
        }
        return set ? set(feature, request) : FakeReply.INVALID;
    }

    private static FakeReply reply(long argsz, int flags, Bytes data) {
        var bytes = data.get();
        int size = 8 + bytes.length;
        return argsz < size
                ? FakeReply.INVALID
                : FakeReply.of(Bytes.of().u32(size).u32(flags).raw(bytes));
    }

    private FakeReply set(int feature, ByteBuffer request) {
        boolean done =
                switch (feature) {
                    case 2 -> request.remaining() >= 16 && go(request.getInt(8));
                    case 6 -> start(request);
                    default -> {
                        log(0);
                        yield true;
                    }
                };
        return done ? FakeReply.of(FakeDevice.bytes(request)) : FakeReply.INVALID;
    }

    private boolean go(int target) {
        if (target == state) {
            return true;
        }
        if (faults.contains(Fault.WRONG_ARC) && state == 3 && target == 6) {
            state = 6;
            return true;
        }
        if (!NEXT.getOrDefault(state, Map.of()).containsKey(target)) {
            return false;
        }
        boolean longWay = NEXT.getOrDefault(state, Map.of()).getOrDefault(target, 0) != target;
        if (faults.contains(Fault.LONG_WAYS_REFUSED)
                && longWay
                && (state == 4 || state == 6 || target == 4)) {
            return false;
        }
        while (state != target) {
            int next = NEXT.getOrDefault(state, Map.of()).getOrDefault(target, target);
            boolean cut = state == 4 && taken != 0 && taken != SIZE;
            if (cut && !faults.contains(Fault.TRUNCATED_TAKEN)) {
                state = faults.contains(Fault.TRUNCATED_RUNS) ? 2 : state;
                return false;
            }
            state = next;
            position = 0;
            taken = 0;
        }
        return true;
    }

    private boolean start(ByteBuffer request) {
        if (request.remaining() < 24) {
            return false;
        }
        long page = request.getLong(8);
        long ranges = Integer.toUnsignedLong(request.getInt(16));
        if (page <= 0 || Long.bitCount(page) != 1 || request.remaining() != 24 + ranges * 16) {
            return false;
        }
        log(page);
        return true;
    }

    private void log(long page) {
        logging = page;
        dma.logging(page != 0);
    }

    private FakeReply report(long argsz, int flags, ByteBuffer request) {
        if (request.remaining() < 32 || logging == 0) {
            return FakeReply.INVALID;
        }
        long address = request.getLong(8);
        long length = request.getLong(16);
        long page = request.getLong(24);
        if (page <= 0 || Long.bitCount(page) != 1 || !dma.covers(address, length)) {
            return FakeReply.INVALID;
        }
        var bits = new byte[(int) (((length + page - 1) / page + 63) / 64 * 8)];
        if (faults.contains(Fault.PAGES_REPORTED)) {
            bits[0] = 1;
        }
        var data = Bytes.of().u64(address).u64(length).u64(page).raw(bits);
        return reply(argsz, flags, data);
    }

    FakeReply read(ByteBuffer request) {
        boolean readable = state == 3 || state == 6 || faults.contains(Fault.DATA_ALWAYS_READ);
        if (request.remaining() < 8 || !readable) {
            return FakeReply.INVALID;
        }
        long argsz = Integer.toUnsignedLong(request.getInt(0));
        long size = Integer.toUnsignedLong(request.getInt(4));
        if (size > MAX_READ || argsz < 8 + size) {
            return FakeReply.INVALID;
        }
        int got = (int) Math.min(size, SIZE - position);
        position += got;
        var data = new byte[(int) size];
        Arrays.fill(data, 0, got, (byte) 0xa5);
        return FakeReply.of(Bytes.of().u32(8 + got).u32(got).raw(data));
    }

    FakeReply write(ByteBuffer request) {
        boolean takes = state == 4 || faults.contains(Fault.DATA_ALWAYS_TAKEN);
        if (request.remaining() < 8 || !takes) {
            return FakeReply.INVALID;
        }
        if (request.remaining() - 8 != request.getInt(4)) {
            return FakeReply.INVALID;
        }
        taken += request.getInt(4);
        return FakeReply.DONE;
    }
}
