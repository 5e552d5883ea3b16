package dev.muser.testkit.restart;

import dev.muser.device.DmaAccess;
import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.MigrationState;
import dev.muser.device.Region;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Queue;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * Requests of every kind, for a device that it knows no more of than VFIO says: mostly accesses to
 * registers, of all widths, and values that mean something or nothing.
 */
public final class VfioRequests implements RequestGenerator {
    private static final long PAGE = 4096;
    private static final int[] WIDTHS = {1, 2, 4, 8};
    private static final IrqAction[] ACTIONS = {
        IrqAction.TRIGGER, IrqAction.MASK, IrqAction.UNMASK
    };
    private static final MigrationState[] MIGRATION = {
        MigrationState.RUNNING,
        MigrationState.STOP,
        MigrationState.PRE_COPY,
        MigrationState.STOP_COPY,
        MigrationState.RESUMING
    };

    private final long[] values;
    private final Queue<Request> due = new ArrayDeque<>();
    private boolean begun;

    /**
     * @param values numbers that mean something to the device, such as addresses in it and
     *     commands; about half of what is written to registers are these
     */
    public VfioRequests(long... values) {
        this.values = values.clone();
    }

    @Override
    public Request next(Random random, DeviceView device) {
        if (!begun) {
            begun = true;
            begin(random, device);
        }
        var planned = due.poll();
        if (planned != null) {
            return planned;
        }
        int choice = random.nextInt(200);
        if (choice < 50) {
            return read(random, device);
        } else if (choice < 105) {
            return write(random, device);
        } else if (choice < 130) {
            return new Request.Settle();
        } else if (choice < 138) {
            return new Request.Work();
        } else if (choice < 150 && device.timers() != 0) {
            return random.nextBoolean() ? new Request.Expire() : new Request.ExpireAll();
        } else if (choice < 174) {
            return interrupts(random, device);
        } else if (choice < 188) {
            return memory(random, device);
        } else if (choice < 190) {
            return new Request.Reset();
        } else if (choice < 191) {
            return new Request.Reconnect();
        } else if (choice < 194 && device.migrates()) {
            return migration(random, device);
        }
        return mapped(random, device);
    }

    /** As a driver begins: with memory and interrupts. */
    private void begin(Random random, DeviceView device) {
        long size = device.memory().byteSize();
        due.add(
                new Request.MapDma(
                        device.memoryAt(), size, DmaAccess.READ_WRITE, random.nextBoolean()));
        for (int index = 0; index < Irq.COUNT; index++) {
            if (device.interrupts(index) != 0 && random.nextInt(3) != 0) {
                due.add(
                        new Request.InstallEventFds(
                                index,
                                IrqAction.TRIGGER,
                                0,
                                Math.min(4, device.interrupts(index))));
            }
        }
    }

    /** Returns one of the device's regions, the more likely the more there is to it. */
    private static int region(Random random, DeviceView device) {
        var weights =
                IntStream.range(0, Region.COUNT)
                        .map(r ->
                                device.regionSize(r) == 0
                                        ? 0
                                        : r == Region.CONFIG
                                                ? 4
                                                : device.registers(r).isEmpty() ? 2 : 12)
                        .toArray();
        int left = random.nextInt(IntStream.of(weights).sum());
        int region = 0;
        while (left >= weights[region]) {
            left -= weights[region++];
        }
        return region;
    }

    /** A range of a region. */
    private record Place(int region, long offset, int count) {}

    private static Place place(Random random, DeviceView device) {
        int region = region(random, device);
        long size = device.regionSize(region);
        var registers = device.registers(region);
        if (!registers.isEmpty() && random.nextInt(8) != 0) {
            var register = registers.get(random.nextInt(registers.size()));
            int width = register.width().bytes();
            if (random.nextInt(5) != 0) {
                return new Place(region, register.offset(), width);
            }
            return within(
                    region, register.offset() + random.nextInt(width), anyWidth(random), size);
        }
        long limit = random.nextInt(3) == 0 ? size : Math.min(size, 0x100);
        int count = anyWidth(random);
        long offset = random.nextLong(limit);
        if (random.nextInt(4) != 0) {
            offset &= -count;
        }
        return within(region, offset, random.nextInt(16) == 0 ? 24 : count, size);
    }

    private static Place within(int region, long offset, int count, long size) {
        int n = (int) Math.min(count, size);
        return new Place(region, Math.min(offset, size - n), n);
    }

    private static int anyWidth(Random random) {
        return WIDTHS[random.nextInt(WIDTHS.length)];
    }

    private static Request read(Random random, DeviceView device) {
        var place = place(random, device);
        return new Request.Read(place.region, place.offset, place.count);
    }

    private Request write(Random random, DeviceView device) {
        var place = place(random, device);
        if (place.count > 8) {
            return new Request.Write(place.region, place.offset, bytes(random, place.count));
        }
        return Request.write(
                place.region, place.offset, place.count, value(random, place.region, device));
    }

    private static MemorySegment bytes(Random random, int count) {
        var bytes = new byte[count];
        random.nextBytes(bytes);
        return MemorySegment.ofArray(bytes).asReadOnly();
    }

    private long value(Random random, int region, DeviceView device) {
        if (region != Region.CONFIG && values.length != 0 && random.nextBoolean()) {
            return values[random.nextInt(values.length)];
        }
        return switch (random.nextInt(6)) {
            case 0 -> 0;
            case 1 -> random.nextInt(20);
            case 2 -> 1L << random.nextInt(64);
            case 3 -> -1;
            case 4 -> device.memoryAt() + random.nextLong(device.memory().byteSize());
            default -> random.nextLong();
        };
    }

    private Request interrupts(Random random, DeviceView device) {
        var present =
                IntStream.range(0, Irq.COUNT).filter(i -> device.interrupts(i) != 0).toArray();
        if (present.length == 0) {
            return new Request.Settle();
        }
        int index = present[random.nextInt(present.length)];
        int vectors = device.interrupts(index);
        int start = random.nextInt(8) == 0 ? vectors - 1 : random.nextInt(Math.min(vectors, 4));
        int count = Math.min(vectors - start, 1 + random.nextInt(3));
        var action = ACTIONS[random.nextInt(ACTIONS.length)];
        return switch (random.nextInt(12)) {
            case 0, 1, 2 -> new Request.InstallEventFds(index, IrqAction.TRIGGER, start, count);
            case 3 -> masking(random, index, start);
            case 4 -> new Request.RemoveEventFds(index, action, start, count);
            case 5, 6, 7 -> new Request.SetIrqs(index, action, start, count);
            case 8 -> new Request.SetIrqs(index, IrqAction.UNMASK, start, count);
            case 9 -> new Request.DisableIrqs(index);
            default ->
                    new Request.SignalEventFd(
                            index, random.nextBoolean() ? IrqAction.MASK : IrqAction.UNMASK, start);
        };
    }

    /** The client installs an eventfd to mask or unmask by, and uses it. */
    private Request masking(Random random, int index, int vector) {
        var action = random.nextBoolean() ? IrqAction.MASK : IrqAction.UNMASK;
        if (random.nextBoolean()) {
            due.add(new Request.SetIrqs(index, IrqAction.MASK, vector, 1));
        }
        due.add(new Request.SignalEventFd(index, action, vector));
        return new Request.InstallEventFds(index, action, vector, 1);
    }

    private static Request memory(Random random, DeviceView device) {
        long pages = device.memory().byteSize() / PAGE;
        long first = random.nextLong(pages);
        long size = PAGE * (1 + random.nextLong(pages - first));
        long iova = device.memoryAt() + first * PAGE;
        var mappings = device.mappings();
        int choice = random.nextInt(8);
        if (choice < 2 && !mappings.isEmpty()) {
            var gone = mappings.get(random.nextInt(mappings.size()));
            return new Request.UnmapDma(gone.iova(), gone.size());
        } else if (choice == 2 && random.nextInt(4) == 0) {
            return new Request.UnmapAllDma();
        } else if (choice < 6 || mappings.isEmpty()) {
            var access =
                    random.nextInt(4) != 0
                            ? DmaAccess.READ_WRITE
                            : DmaAccess.of(random.nextBoolean(), random.nextBoolean());
            return new Request.MapDma(iova, size, access, random.nextBoolean());
        }
        return new Request.Store(iova, bytes(random, 1 + random.nextInt((int) PAGE)));
    }

    private Request migration(Random random, DeviceView device) {
        for (int i = device.hasOwnStream() ? random.nextInt(4) : 0; i > 0; i--) {
            due.add(
                    random.nextBoolean()
                            ? new Request.ReadMigration(random.nextInt(4000))
                            : new Request.WriteMigration(bytes(random, 1 + random.nextInt(100))));
        }
        if (random.nextInt(8) != 0) {
            due.add(new Request.MoveTo(MigrationState.RUNNING));
        }
        return new Request.MoveTo(MIGRATION[random.nextInt(MIGRATION.length)]);
    }

    private static Request mapped(Random random, DeviceView device) {
        var mappable = Arrays.stream(new int[] {0, 1, 2, 3, 4, 5});
        var there = mappable.filter(r -> device.regionSize(r) != 0).toArray();
        if (there.length == 0) {
            return new Request.Settle();
        }
        int region = there[random.nextInt(there.length)];
        int ioEventFds = device.ioEventFds(region);
        if (ioEventFds != 0 && random.nextBoolean()) {
            return new Request.SignalIoEventFd(region, random.nextInt(ioEventFds));
        }
        return new Request.StoreMapped(
                region, random.nextLong(device.regionSize(region)), bytes(random, 4));
    }
}
