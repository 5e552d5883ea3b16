package dev.muser.testkit.hostile;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.muser.device.EventLoop;
import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceContext;
import dev.muser.device.pci.GuestMemory;
import dev.muser.device.pci.Interrupt;
import dev.muser.device.pci.MsiX;
import dev.muser.device.pci.Register;
import dev.muser.device.pci.StateArray;
import dev.muser.device.pci.Width;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A device that does what its client writes to it: DMA of any kind, interrupts, and every way in
 * which an author's code can go wrong.
 *
 * <p>BAR0: registers, and from {@link #RAM} on memory, which DMA reads from and writes to. BAR2:
 * memory that clients map. BAR4: the MSI-X table.
 */
final class Puppet implements Device {
    /** Device and vendor, as configuration space begins. */
    static final long ID = 0x5678_1234;

    static final long COMMAND = 0;
    static final long IOVA = 8;
    static final long LENGTH = 16;

    /** The errno of the last transfer; {@link #PENDING} while it is under way. */
    static final long RESULT = 20;

    static final int RAM = 0x400;
    static final int RAM_SIZE = 0xc00;
    static final int BAR0_SIZE = 0x1000;
    static final int BAR2_SIZE = 0x4000;
    static final int VECTORS = 32;
    static final long PENDING = 0xffff_ffffL;

    /** What can be written to {@link #COMMAND}. */
    enum Order {
        NOTHING,
        /** Client memory to RAM. */
        DMA_READ,
        /** RAM to client memory. */
        DMA_WRITE,
        /** A message by vector 3. */
        INTERRUPT,
        EXCEPTION,
        STACK_OVERFLOW,
        OUT_OF_MEMORY,
        /** SIGBUS: memory of the device's own that has become shorter. */
        BUS_ERROR,
        /** As {@link #EXCEPTION}, but from a task, a timer, a poller, after the reply. */
        TASK_EXCEPTION,
        TIMER_STACK_OVERFLOW,
        POLLER_OUT_OF_MEMORY,
        TASK_BUS_ERROR
    }

    private final EventLoop loop;
    private final GuestMemory memory;
    private final Interrupt interrupt;
    private final Register iova;
    private final Register length;
    private final Register result;
    private final StateArray ram;
    private final MemorySegment buffer = Arena.ofAuto().allocate(RAM_SIZE, 8);
    private final EventLoop.Timer timer;
    private final EventLoop.Poller poller;
    private final AtomicInteger obeyed;

    Puppet(DeviceContext ctx) {
        this(ctx, 65535);
    }

    /**
     * @param mappings how many a client can have
     */
    Puppet(DeviceContext ctx, int mappings) {
        this(ctx, mappings, new AtomicInteger());
    }

    /**
     * @param obeyed counts what is written to {@link #COMMAND}
     */
    Puppet(DeviceContext ctx, AtomicInteger obeyed) {
        this(ctx, 65535, obeyed);
    }

    private Puppet(DeviceContext ctx, int mappings, AtomicInteger obeyed) {
        this.obeyed = obeyed;
        ctx.identity(0x1234, 0x5678).dmaLimits(mappings, 1L << 60);
        ctx.intx();
        ctx.capability(new MsiX(VECTORS, 4));
        loop = ctx.loop();
        memory = ctx.memory();
        interrupt = ctx.interrupt(3);
        var bar = ctx.bar(0, BAR0_SIZE);
        bar.register("command", COMMAND, Width.U32).writeOnly(this::obey);
        iova = bar.register("iova", IOVA, Width.U64).readWrite();
        length = bar.register("length", LENGTH, Width.U32).readWrite();
        result = bar.register("result", RESULT, Width.U32).readOnly();
        ram = bar.memory("ram", RAM, RAM_SIZE);
        ctx.bar(2, BAR2_SIZE).mappable(0, BAR2_SIZE);
        ctx.bar(4, 0x1000);
        timer = loop.timer(Puppet::overflow);
        poller =
                loop.poller(() -> {
                    exhaust();
                    return true;
                });
    }

    @SuppressWarnings("EnumOrdinal") // both ends of the wire are of this test
    private void obey(long command) {
        obeyed.incrementAndGet();
        switch (Order.values()[(int) command]) {
            case NOTHING -> {}
            case DMA_READ -> transfer(true);
            case DMA_WRITE -> transfer(false);
            case INTERRUPT -> interrupt.post();
            case EXCEPTION -> throw new IllegalStateException("as it was told to");
            case STACK_OVERFLOW -> overflow();
            case OUT_OF_MEMORY -> exhaust();
            case BUS_ERROR -> fault();
            case TASK_EXCEPTION ->
                    loop.execute(() -> {
                        throw new IllegalStateException("as it was told to");
                    });
            case TIMER_STACK_OVERFLOW -> timer.arm(0);
            case POLLER_OUT_OF_MEMORY -> poller.start();
            case TASK_BUS_ERROR -> loop.execute(Puppet::fault);
        }
    }

    private void transfer(boolean read) {
        int count = (int) Math.min(length.get(), RAM_SIZE);
        var part = buffer.asSlice(0, count);
        result.set(PENDING);
        if (read) {
            memory.read(
                    iova.get(),
                    part,
                    errno -> {
                        if (errno == 0) {
                            ram.copyFrom(0, part, 0, count);
                        }
                        result.set(errno);
                    });
        } else {
            part.copyFrom(ram.bytes().asSlice(0, count));
            memory.write(iova.get(), part, errno -> result.set(errno));
        }
    }

    /** A real one: the thread's stack is used up. */
    @SuppressWarnings("InfiniteRecursion")
    private static void overflow() {
        overflow();
    }

    /** A real one: no heap is so long, and nobody else's memory goes with it. */
    private static void exhaust() {
        var sink = new long[64][];
        for (int i = 0; i < sink.length; i++) {
            sink[i] = new long[Integer.MAX_VALUE - 8];
        }
        throw new IllegalStateException("there was memory for " + sink.length);
    }

    /** A real one: SIGBUS. */
    private static void fault() {
        try (var file = MemoryFile.create("puppet", 4096);
                var mapping = Mapping.confined(file, 0, 4096, Mapping.Access.READ_WRITE)) {
            MemoryFile.resize(file, 0);
            mapping.segment().set(JAVA_BYTE, 0, (byte) 1);
        }
    }

    @Override
    public void close() {
        timer.close();
        poller.close();
    }
}
