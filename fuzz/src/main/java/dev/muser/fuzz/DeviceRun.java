package dev.muser.fuzz;

import dev.muser.device.DirtyLog;
import dev.muser.device.DmaAccess;
import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.MigrationState;
import dev.muser.device.Region;
import dev.muser.device.VfioException;
import dev.muser.device.pci.PciDevice;
import dev.muser.device.pci.RegisterSnapshot;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.testkit.restart.CheckLoop;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * One life of a device in which a client does what the bytes say: accesses to regions, interrupts,
 * mappings, resets, migration, and the answers to what the device asks of memory. The client is
 * refused by {@link VfioException} or not at all.
 */
class DeviceRun implements AutoCloseable, AskedMemory.Watcher {
    /** More than any device needs to settle, once all it asks for is answered. */
    static final int PATIENCE = 2000;

    private static final int STEPS = 600;
    private static final int[] WIDTHS = {4, 8, 4, 1, 2, 4, 8, 3};
    private static final IrqAction[] ACTIONS = {
        IrqAction.MASK, IrqAction.UNMASK, IrqAction.TRIGGER
    };

    /** Of these. */
    static final int TRIGGER = 2;

    private static final DmaAccess[] RIGHTS = DmaAccess.values();
    private static final MigrationState[] STATES = MigrationState.values();
    private static final long ASKED_AT = Input.MESSAGE_PAGES;

    final DeviceTarget target;
    final Input input;
    final CheckLoop loop = new CheckLoop(() -> {});
    final AskedMemory memory = new AskedMemory(this);
    final PciDevice device;
    private final MemorySegment buffer = Arena.ofAuto().allocate(8192, 8);
    private final List<List<RegisterSnapshot>> registers = new ArrayList<>();
    private long identity;

    DeviceRun(DeviceTarget target, Input input) {
        this.target = target;
        this.input = input;
        EventFd.take(target.signal());
        device = PciDevice.create(target.factory(), loop);
        for (int region = 0; region < 6; region++) {
            registers.add(device.registers(region));
        }
    }

    /** The first client comes. */
    void begin() {
        attach();
        identity = read(Region.CONFIG, 0, 4);
    }

    void attach() {
        device.attach(memory);
        device.mapDma(ASKED_AT, AskedMemory.SIZE, DmaAccess.READ_WRITE, null, 0);
        device.mapDma(
                Input.SHARED_PAGES,
                DeviceTarget.SHARED,
                DmaAccess.READ_WRITE,
                target.file().duplicate(),
                0);
        write(Region.CONFIG, 4, 2, 0x6); // memory, bus master
    }

    /** Takes steps until the bytes are used up. */
    final void all() {
        for (int step = 0; step < STEPS && !input.isEmpty(); step++) {
            try {
                step(input.u8());
            } catch (VfioException e) {
                // the client is told so
            }
            turn(1);
        }
    }

    /** Takes one step. */
    void step(int choice) {
        switch (choice & 15) {
            case 0, 1, 2 -> writeRegister();
            case 3, 4 -> readRegister();
            case 5 -> access();
            case 6 -> turn(1 + (input.u8() & 15));
            case 7, 8 -> memory.answer(choice >> 4 & 3, input);
            case 9 -> loop.expire((choice & 16) != 0);
            case 10 -> interrupts(choice >> 4);
            case 11 -> mappings(choice >> 4);
            case 12 -> sessions(choice >> 4);
            case 13 -> migrate(choice >> 4);
            case 14 -> log(choice >> 4);
            default -> poke();
        }
    }

    private void writeRegister() {
        int bar = bar();
        int width = WIDTHS[input.u8() & 7];
        write(bar, offset(bar), width, input.value());
    }

    private void readRegister() {
        int bar = bar();
        int width = WIDTHS[input.u8() & 7];
        read(bar, offset(bar), width);
    }

    /** A BAR with registers, if there is one. */
    private int bar() {
        int bar = input.u8() % 6;
        for (int i = 0; i < 6 && registers.get(bar).isEmpty(); i++) {
            bar = (bar + 1) % 6;
        }
        return bar;
    }

    private long offset(int bar) {
        int choice = input.u8();
        var named = registers.get(bar);
        if (named.isEmpty() || choice >= 0xf0) {
            return input.u16();
        }
        return named.get(choice % named.size()).offset();
    }

    /** Any region, any offset, any length. */
    final void access() {
        int region = input.u8();
        long offset = (region & 0x40) != 0 ? input.value() : input.u16();
        int count = (region & 0x20) != 0 ? WIDTHS[input.u8() & 7] : 1 + (input.u16() & 0xfff);
        if ((region & 0x80) != 0) {
            input.raw(buffer.asSlice(0, count));
            writing(region % 9, offset);
            device.writeRegion(region % 9, offset, buffer, 0, count);
        } else {
            device.readRegion(region % 9, offset, buffer, 0, count);
        }
    }

    final void interrupts(int how) {
        int which = input.u8();
        int index = which & 7;
        var action = ACTIONS[(which >> 3) % ACTIONS.length];
        int start = (int) input.value();
        int count = 1 + (input.u8() & 7);
        switch (how & 7) {
            case 0, 1 -> {
                var fds = new ArrayList<Fd>();
                for (int i = 0; i < count; i++) {
                    fds.add(target.signal().duplicate());
                }
                device.setIrqEventFds(index, action, start, fds);
            }
            case 2 -> device.clearIrqEventFds(index, action, start, count);
            case 3 -> device.disableIrqs(index);
            case 4 -> device.setIrqs(index, action, start, new boolean[count]);
            case 5 -> device.irqInfo(index % Irq.COUNT);
            default -> device.setIrqs(index, action, start, count);
        }
    }

    private void mappings(int how) {
        long iova = input.value();
        long size = input.value() << 12;
        switch (how & 3) {
            case 0 -> device.unmapDma(iova, size);
            case 1 -> device.mapDma(iova, size, RIGHTS[how >> 2 & 3], null, 0);
            case 2 ->
                    device.mapDma(
                            iova,
                            size,
                            RIGHTS[how >> 2 & 3],
                            target.file().duplicate(),
                            input.value() << 12);
            default -> device.unmapAllDma();
        }
    }

    private void sessions(int how) {
        switch (how & 3) {
            case 0, 1 -> reset();
            default -> {
                device.detach();
                memory.end();
                attach();
            }
        }
    }

    void reset() {
        device.reset();
    }

    final void migrate(int how) {
        var migration = device.migration();
        if (migration == null) {
            return;
        }
        int count = input.u16() & 0xfff;
        switch (how & 3) {
            case 0 -> {
                var state = STATES[input.u8() & 7];
                if (migration.prepare(state)) {
                    migration.moveTo(state);
                }
            }
            case 1 -> {
                int n = migration.read(buffer, 0, count);
                Finding.unless(n >= 0 && n <= count, "a stream's read returned " + n);
            }
            default -> {
                if ((how & 1) != 0) {
                    input.raw(buffer.asSlice(0, count));
                } // else what was read, or what is left of it
                migration.write(buffer, 0, count);
            }
        }
    }

    private void log(int how) {
        var log = device.dirtyLog();
        long pageSize = 1L << (input.u8() & 31);
        long iova = input.value();
        long length = input.value() << 12;
        switch (how & 3) {
            case 0, 1 ->
                    log.start(
                            pageSize,
                            how < 8 ? List.of() : List.of(new DirtyLog.Range(iova, length)));
            case 2 -> {
                // as the server asks: no wrap-around, and a bitmap that there is room for
                if (length > 0 && iova >= 0 && iova + length > 0) {
                    long bytes = DirtyLog.bitmapBytes(length, pageSize);
                    if (bytes <= buffer.byteSize()) {
                        log.report(iova, length, pageSize, buffer, 0);
                    }
                }
            }
            default -> log.stop();
        }
    }

    /** Another processor of the client writes to memory that it shares. */
    private void poke() {
        long at = input.u16() & (DeviceTarget.SHARED - 64);
        input.sparse(target.shared().asSlice(at, 64));
    }

    /** Runs what the device left for later. */
    final void turn(int turns) {
        for (int i = 0; i < turns && loop.turn(); i++) {
            // until there is nothing to do
        }
    }

    /** Answers all that is asked for, until nothing is. */
    final void settle() {
        for (int i = 0; i < PATIENCE; i++) {
            boolean worked = loop.turn();
            if (!memory.isAsked()) {
                if (!worked) {
                    return;
                }
                continue;
            }
            memory.answer(0, input);
        }
        Finding.unless(!memory.isAsked(), "it asks for memory again and again");
    }

    final long read(int region, long offset, int width) {
        buffer.fill((byte) 0);
        device.readRegion(region, offset, buffer, 0, width);
        return buffer.get(ValueLayout.JAVA_LONG, 0);
    }

    void write(int region, long offset, int width, long value) {
        writing(region, offset);
        store(region, offset, width, value);
    }

    /** Writes what a target knows of. */
    final void store(int region, long offset, int width, long value) {
        buffer.set(ValueLayout.JAVA_LONG, 0, value);
        device.writeRegion(region, offset, buffer, 0, width);
    }

    /** A region is about to be written. */
    void writing(int region, long offset) {}

    /** Whatever was done to it, the next client has a device. */
    void requireAlive() {
        settle();
        device.detach();
        memory.end();
        turn(PATIENCE);
        attach();
        Finding.unless(read(Region.CONFIG, 0, 4) == identity, "it is another device now");
        device.readRegion(Region.CONFIG, 0, buffer, 0, 256);
    }

    @Override
    public void close() {
        device.detach();
        memory.end();
        device.close();
    }
}
