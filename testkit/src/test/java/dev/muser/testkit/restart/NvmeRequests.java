package dev.muser.testkit.restart;

import dev.muser.client.nvme.AdminOpcode;
import dev.muser.client.nvme.IoOpcode;
import dev.muser.device.DmaAccess;
import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.Region;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Queue;
import java.util.Random;

/**
 * What a driver of an NVMe disk does, one command after the other, between requests that no driver
 * would make. Queue q has pages 2 q and 2 q + 1 of its memory, data are in the others.
 */
final class NvmeRequests implements RequestGenerator {
    static final int PAGES = 32;

    private static final int PAGE = 4096;
    private static final int ENTRIES = 16;
    private static final int QUEUES = 4;
    private static final int DATA = 2 * QUEUES;
    private static final int CC = 0x14;
    private static final int ENABLE = 0x46_0001;
    private static final int DOORBELLS = 0x1000;
    private static final int[] FEATURES = {1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 0x81, 0x84};
    private static final int[] LOGS = {1, 3, 4, 5};

    private static final ValueLayout.OfInt U32 =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong U64 =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final RequestGenerator others = new VfioRequests(0, 1, 3, 0x46_0001, 0x4e56_4d65L);
    private final Queue<Request> due = new ArrayDeque<>();
    private final int[] tails = new int[QUEUES];

    /** How many completions were taken. */
    private final int[] taken = new int[QUEUES];

    private boolean enabled;

    @Override
    public Request next(Random random, DeviceView device) {
        if (due.isEmpty()) {
            acknowledge(device);
        }
        if (!due.isEmpty()) {
            return due.remove();
        }
        int what = random.nextInt(60);
        if (what == 0) {
            return others.next(random, device);
        }
        if (what < 3 || !enabled) {
            enable(random, device);
        } else if (what == 3) {
            due.add(new Request.Reset());
            enable(random, device);
        } else if (what < 6) {
            pair(random, device);
        } else {
            command(random, device);
        }
        return due.remove();
    }

    private static Request register(int offset, int count, long value) {
        return Request.write(Region.BAR0, offset, count, value);
    }

    private void enable(Random random, DeviceView device) {
        long at = device.memoryAt();
        long size = device.memory().byteSize();
        due.add(new Request.UnmapAllDma());
        due.add(new Request.MapDma(at, size, DmaAccess.READ_WRITE, random.nextInt(4) != 0));
        due.add(new Request.InstallEventFds(Irq.MSIX, IrqAction.TRIGGER, 0, 2));
        due.add(register(CC, 4, 0));
        due.add(new Request.Settle());
        due.add(new Request.Store(at, MemorySegment.ofArray(new byte[DATA * PAGE])));
        due.add(register(0x24, 4, (ENTRIES - 1) << 16 | (ENTRIES - 1)));
        due.add(register(0x28, 8, at));
        due.add(register(0x30, 8, at + PAGE));
        due.add(register(CC, 4, ENABLE));
        due.add(new Request.Settle());
        Arrays.fill(tails, 0);
        Arrays.fill(taken, 0);
        enabled = true;
    }

    private MemorySegment entry(int opcode, int nsid, long prp, int... words) {
        var entry = MemorySegment.ofArray(new byte[64]);
        entry.set(U32, 0, opcode | tails[0] << 16);
        entry.set(U32, 4, nsid);
        entry.set(U64, 24, prp);
        entry.set(U64, 32, prp + PAGE);
        for (int i = 0; i < words.length; i++) {
            entry.set(U32, 40 + 4L * i, words[i]);
        }
        return entry;
    }

    /** Sends a command, and takes its completion if there is one. */
    private void send(DeviceView device, int queue, MemorySegment entry) {
        long at = device.memoryAt() + 2L * queue * PAGE + 64L * tails[queue];
        due.add(new Request.Store(at, entry));
        tails[queue] = (tails[queue] + 1) % ENTRIES;
        due.add(register(DOORBELLS + 8 * queue, 4, tails[queue]));
        due.add(new Request.Settle());
    }

    /** Takes completions that are there. */
    private void acknowledge(DeviceView device) {
        for (int queue = 0; queue < QUEUES; queue++) {
            int before = taken[queue];
            while (phase(device, queue) == ((taken[queue] / ENTRIES & 1) ^ 1)) {
                taken[queue]++;
            }
            if (taken[queue] != before) {
                due.add(register(DOORBELLS + 8 * queue + 4, 4, taken[queue] % ENTRIES));
                due.add(new Request.Settle());
            }
        }
    }

    private int phase(DeviceView device, int queue) {
        long at = (2L * queue + 1) * PAGE + 16L * (taken[queue] % ENTRIES);
        return device.memory().get(U32, at + 12) >>> 16 & 1;
    }

    private void pair(Random random, DeviceView device) {
        int id = 1 + random.nextInt(QUEUES - 1);
        long at = device.memoryAt() + 2L * id * PAGE;
        int size = (ENTRIES - 1) << 16 | id;
        send(device, 0, entry(AdminOpcode.DELETE_SUBMISSION_QUEUE, 0, 0, id));
        send(device, 0, entry(AdminOpcode.DELETE_COMPLETION_QUEUE, 0, 0, id));
        due.add(new Request.Store(at, MemorySegment.ofArray(new byte[2 * PAGE])));
        int vector = random.nextInt(2) << 16;
        send(device, 0, entry(AdminOpcode.CREATE_COMPLETION_QUEUE, 0, at + PAGE, size, vector | 3));
        send(device, 0, entry(AdminOpcode.CREATE_SUBMISSION_QUEUE, 0, at, size, id << 16 | 1));
        tails[id] = 0;
        taken[id] = 0;
    }

    private void command(Random random, DeviceView device) {
        long data = device.memoryAt() + (long) (DATA + random.nextInt(PAGES - DATA - 1)) * PAGE;
        if (random.nextBoolean()) {
            send(device, 1 + random.nextInt(QUEUES - 1), io(random, data));
        } else {
            send(device, 0, admin(random, data));
        }
    }

    private MemorySegment io(Random random, long data) {
        int[] opcodes = {
            IoOpcode.READ,
            IoOpcode.WRITE,
            IoOpcode.COMPARE,
            IoOpcode.FLUSH,
            IoOpcode.WRITE_ZEROES,
            IoOpcode.VERIFY
        };
        int opcode = opcodes[random.nextInt(opcodes.length)];
        return entry(opcode, 1, data, random.nextInt(2100), 0, random.nextInt(8));
    }

    private MemorySegment admin(Random random, long data) {
        int feature = FEATURES[random.nextInt(FEATURES.length)];
        return switch (random.nextInt(8)) {
            case 0 -> entry(AdminOpcode.IDENTIFY, 1, data, random.nextInt(4));
            case 1, 2 -> entry(AdminOpcode.GET_FEATURES, 1, data, feature);
            case 3, 4 -> entry(AdminOpcode.SET_FEATURES, 1, data, feature, random.nextInt(1 << 20));
            case 5 -> entry(AdminOpcode.ASYNC_EVENT_REQUEST, 0, 0);
            case 6 -> entry(AdminOpcode.ABORT, 0, 0, random.nextInt(ENTRIES) << 16);
            default ->
                    entry(
                            AdminOpcode.GET_LOG_PAGE,
                            -1,
                            data,
                            0xff << 16 | LOGS[random.nextInt(LOGS.length)]);
        };
    }
}
