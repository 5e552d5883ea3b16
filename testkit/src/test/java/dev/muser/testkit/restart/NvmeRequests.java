package dev.muser.testkit.restart;

import dev.muser.device.DmaAccess;
import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.Region;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.Random;

/**
 * What a driver of an NVMe disk does: it enables the controller, makes a pair of queues, and
 * submits commands; now and then it resets the controller and begins again. Between that, requests
 * that no driver would make of such registers as matter less.
 *
 * <pre>
 *   client memory, in pages: 0 admin SQ, 1 admin CQ, 2 SQ 1, 3 CQ 1, from 4 on data
 * </pre>
 */
final class NvmeRequests implements RequestGenerator {
    private static final long PAGE = 4096;
    private static final int ENTRIES = 16;
    private static final int DATA_PAGES = 8;
    private static final long DOORBELLS = 0x1000;

    private static final int DELETE_SQ = 0;
    private static final int CREATE_SQ = 1;
    private static final int CREATE_CQ = 5;
    private static final int IDENTIFY = 6;
    private static final int FLUSH = 0;
    private static final int WRITE = 1;
    private static final int READ = 2;

    private static final int[] OPCODES = {FLUSH, WRITE, WRITE, READ, READ, 0x7f};

    private final Queue<Request> due = new ArrayDeque<>();
    private final int[] tails = new int[2];
    private final int[] heads = new int[2];
    private final int[] submitted = new int[2];
    private boolean begun;
    private int commandId;

    @Override
    public Request next(Random random, DeviceView device) {
        if (due.isEmpty()) {
            if (!begun) {
                begun = true;
                due.add(
                        new Request.MapDma(
                                device.memoryAt(),
                                device.memory().byteSize(),
                                DmaAccess.READ_WRITE,
                                random.nextInt(4) != 0));
                due.add(new Request.InstallEventFds(Irq.MSIX, IrqAction.TRIGGER, 0, 2));
                enable(device);
            }
            plan(random, device);
        }
        return due.remove();
    }

    private void plan(Random random, DeviceView device) {
        int choice = random.nextInt(40);
        if (choice == 0) {
            due.add(new Request.Reset());
            enable(device);
        } else if (choice == 1) {
            register(0x14, 4, 0); // CC.EN
            due.add(new Request.Settle());
            enable(device);
        } else if (choice < 8) {
            submit(device, 0, IDENTIFY, 0, page(device, 4), 1, 0);
            ring(0);
        } else if (choice == 8) {
            submit(device, 0, DELETE_SQ, 0, 0, 1, 0);
            submit(device, 0, CREATE_SQ, 0, page(device, 2), 1 | (ENTRIES - 1) << 16, 1 | 1 << 16);
            tails[1] = 0;
            ring(0);
        } else if (choice < 12) {
            due.add(new Request.Read(Region.BAR0, 4L * random.nextInt(16), 4));
        } else if (choice < 14) {
            due.add(
                    new Request.SetIrqs(
                            Irq.MSIX,
                            random.nextBoolean() ? IrqAction.MASK : IrqAction.UNMASK,
                            0,
                            2));
        } else if (choice == 14) {
            due.add(new Request.ExpireAll());
        } else {
            // one at a time: of several a restart may change the order
            int opcode = OPCODES[random.nextInt(OPCODES.length)];
            long at = page(device, 4 + random.nextInt(DATA_PAGES));
            submit(device, 1, opcode, 1, at, random.nextInt(16), 0);
            ring(1);
        }
    }

    private static long page(DeviceView device, int number) {
        return device.memoryAt() + number * PAGE;
    }

    private void register(int offset, int count, long value) {
        due.add(Request.write(Region.BAR0, offset, count, value));
    }

    private void enable(DeviceView device) {
        for (int i = 0; i < 2; i++) {
            tails[i] = 0;
            heads[i] = 0;
            submitted[i] = 0;
        }
        due.add(new Request.Store(device.memoryAt(), MemorySegment.ofArray(new byte[4 * 4096])));
        register(0x24, 4, (ENTRIES - 1) << 16 | ENTRIES - 1); // AQA
        register(0x28, 8, page(device, 0)); // ASQ
        register(0x30, 8, page(device, 1)); // ACQ
        register(0x14, 4, 4 << 20 | 6 << 16 | 1); // CC: entries of 16 and 64 bytes, enabled
        due.add(new Request.Settle());
        submit(device, 0, CREATE_CQ, 0, page(device, 3), 1 | (ENTRIES - 1) << 16, 3 | 1 << 16);
        submit(device, 0, CREATE_SQ, 0, page(device, 2), 1 | (ENTRIES - 1) << 16, 1 | 1 << 16);
        ring(0);
    }

    /** Stores a command to a queue. */
    private void submit(
            DeviceView device,
            int queue,
            int opcode,
            int namespace,
            long data,
            int dword10,
            int dword11) {
        var entry = MemorySegment.ofArray(new byte[64]);
        entry.set(ValueLayout.JAVA_INT_UNALIGNED, 0, opcode | (++commandId & 0xffff) << 16);
        entry.set(ValueLayout.JAVA_INT_UNALIGNED, 4, namespace);
        entry.set(ValueLayout.JAVA_LONG_UNALIGNED, 24, data);
        entry.set(ValueLayout.JAVA_INT_UNALIGNED, 40, dword10);
        entry.set(ValueLayout.JAVA_INT_UNALIGNED, 44, dword11);
        due.add(new Request.Store(page(device, 2 * queue) + 64L * tails[queue], entry));
        tails[queue] = (tails[queue] + 1) % ENTRIES;
        submitted[queue]++;
    }

    /** Rings a queue's doorbell, waits, and gives its completions back. */
    private void ring(int queue) {
        register((int) DOORBELLS + 8 * queue, 4, tails[queue]);
        due.add(new Request.Settle());
        heads[queue] = (heads[queue] + submitted[queue]) % ENTRIES;
        submitted[queue] = 0;
        register((int) DOORBELLS + 8 * queue + 4, 4, heads[queue]);
    }
}
