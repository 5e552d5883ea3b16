package dev.muser.testkit.streams;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.Region;
import dev.muser.device.pci.DeviceFactory;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.MemoryStorage;
import java.util.List;

/**
 * A controller with two queue pairs in the middle of their rings, a feature that is not as at
 * power-on, and a disk of 1 MiB with 4 KiB written.
 *
 * <p>Its driver goes on in the queues where it was, so the positions of the device must be right,
 * and the phase of what it posts.
 */
final class NvmeSample implements Sample {
    private static final int CC = 0x14;
    private static final int CSTS = 0x1c;
    private static final int AQA = 0x24;
    private static final int ASQ = 0x28;
    private static final int ACQ = 0x30;
    private static final int DOORBELLS = 0x1000;

    private static final int ENABLED = 0x0046_0001; // entries of 64 and 16 bytes

    private static final int SET_FEATURES = 9;
    private static final int GET_FEATURES = 10;
    private static final int CREATE_SQ = 1;
    private static final int CREATE_CQ = 5;
    private static final int TEMPERATURE_THRESHOLD = 4;
    private static final int WRITE = 1;
    private static final int READ = 2;

    /** Entries of each queue. */
    private static final int DEPTH = 4;

    private static final int DATA = 0x8000;

    /** So many commands are sent by each queue before the device is stored: once around, and 1. */
    private static final int BEFORE = DEPTH + 1;

    /** A queue pair in the client's memory; the number of a command is all that it keeps. */
    private record Queue(int id, int sq, int cq) {
        static final Queue ADMIN = new Queue(0, 0, 0x1000);
        static final Queue IO = new Queue(1, 0x2000, 0x3000);

        /** Sends a command, the {@code number}th by this queue, and returns dword 0 of its end. */
        long send(Bench bench, int number, int opcode, int nsid, long dw10, long dw11, long dw12) {
            int slot = number % DEPTH;
            int entry = sq + 64 * slot;
            bench.fill(entry, 64, 0);
            bench.store(entry, 4, opcode | number << 16);
            bench.store(entry + 4, 4, nsid);
            bench.store(entry + 24, 8, Bench.MEMORY + data(opcode));
            bench.store(entry + 40, 4, dw10);
            bench.store(entry + 44, 4, dw11);
            bench.store(entry + 48, 4, dw12);
            int end = cq + 16 * slot;
            int phase = number / DEPTH % 2 == 0 ? 1 : 0;
            bench.write(Region.BAR0, DOORBELLS + 8L * id, 4, (number + 1) % DEPTH);
            bench.await(() ->
                    bench.load(end + 12, 2) == number && (bench.load(end + 14, 2) & 1) == phase);
            assertThat(bench.load(end + 14, 2) >>> 1).as("status").isZero();
            assertThat(bench.load(end + 8, 2)).as("head").isEqualTo((number + 1) % DEPTH);
            assertThat(bench.load(end + 10, 2)).as("queue").isEqualTo(id);
            bench.write(Region.BAR0, DOORBELLS + 8L * id + 4, 4, (number + 1) % DEPTH);
            return bench.load(end, 4);
        }

        private int data(int opcode) {
            return switch (opcode) {
                case CREATE_SQ -> id == 0 ? IO.sq : DATA;
                case CREATE_CQ -> IO.cq;
                default -> DATA;
            };
        }
    }

    @Override
    public String name() {
        return "nvme";
    }

    @Override
    public DeviceFactory factory() {
        var disk = NamespaceOptions.of(new MemoryStorage(1 << 20), 512, "stored");
        return ctx -> new Nvme(ctx, NvmeOptions.of("STORED", List.of(disk)));
    }

    @Override
    public void prepare(Bench bench) {
        bench.write(Region.CONFIG, 0x4, 2, 0x406); // memory, bus master, INTx disabled
        bench.write(Region.BAR0, AQA, 4, (DEPTH - 1) << 16 | (DEPTH - 1));
        bench.write(Region.BAR0, ASQ, 8, Bench.MEMORY + Queue.ADMIN.sq);
        bench.write(Region.BAR0, ACQ, 8, Bench.MEMORY + Queue.ADMIN.cq);
        bench.write(Region.BAR0, CC, 4, ENABLED);
        bench.await(() -> (bench.read(Region.BAR0, CSTS, 4) & 1) == 1);
        int size = (DEPTH - 1) << 16 | 1;
        Queue.ADMIN.send(bench, 0, CREATE_CQ, 0, size, 1, 0);
        Queue.ADMIN.send(bench, 1, CREATE_SQ, 0, size, 1 << 16 | 1, 0);
        for (int number = 2; number < BEFORE; number++) {
            Queue.ADMIN.send(bench, number, SET_FEATURES, 0, TEMPERATURE_THRESHOLD, 345, 0);
        }
        bench.fill(DATA, 4096, 0x77);
        for (int number = 0; number < BEFORE; number++) {
            Queue.IO.send(bench, number, WRITE, 1, 1000, 0, 7);
        }
    }

    @Override
    public void check(Bench bench) {
        assertThat(bench.read(Region.CONFIG, 0x4, 2)).isEqualTo(0x406);
        assertThat(bench.read(Region.BAR0, CC, 4)).isEqualTo(ENABLED);
        assertThat(bench.read(Region.BAR0, CSTS, 4)).isEqualTo(1);
        assertThat(bench.read(Region.BAR0, ASQ, 8)).isEqualTo(Bench.MEMORY + Queue.ADMIN.sq);
        assertThat(bench.read(Region.BAR0, ACQ, 8)).isEqualTo(Bench.MEMORY + Queue.ADMIN.cq);
        Queue.IO.send(bench, BEFORE, READ, 1, 1000, 0, 7);
        assertThat(bench.bytes(DATA, 4096)).containsOnly(0x77);
        Queue.IO.send(bench, BEFORE + 1, READ, 1, 1008, 0, 7);
        assertThat(bench.bytes(DATA, 4096)).containsOnly(0);
        for (int number = BEFORE; number < 3 * DEPTH; number++) {
            long threshold =
                    Queue.ADMIN.send(bench, number, GET_FEATURES, 0, TEMPERATURE_THRESHOLD, 0, 0);
            assertThat(threshold).isEqualTo(345);
        }
    }
}
