package dev.muser.device.pci;

import dev.muser.device.DeviceInfo;
import dev.muser.device.EventLoop;
import dev.muser.device.Irq;
import dev.muser.device.Region;
import dev.muser.device.state.StateMismatchException;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.service.DescriptorStore;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Where a device is declared, in its constructor: what PCI says about it, its BARs, capabilities
 * and interrupts, and the state of its own. What cannot be is an {@link IllegalArgumentException}
 * at once, or at the end of the constructor when it takes more than one declaration to see it.
 *
 * <p>After construction it gives access to what the device uses while it runs; declarations are
 * then refused with {@link IllegalStateException}.
 */
public final class DeviceContext {
    private static final int COMMAND_MASTER = 0x4;

    private final DeviceLoop loop;

    /** For what is about the client, not the device: it goes on while the device stands still. */
    private final EventLoop clientLoop;

    private final DeviceState state = new DeviceState();
    private final ConfigSpace config = new ConfigSpace();
    private final CapabilityList capabilities = new CapabilityList(config);
    private final Interrupts interrupts = new Interrupts(state);
    private final StateField addressed = state.field("pci.memory.addressed", Width.U8);
    private final DescriptorStore store;
    private final BarMemory barMemory;
    private final Map<String, Fd> eventFds = new LinkedHashMap<>();
    private final @Nullable Bar[] bars = new Bar[6];
    private final FunctionHeader header = new FunctionHeader(config);
    private @Nullable NotificationIrq error;
    private @Nullable NotificationIrq request;
    private @Nullable ExpansionRom rom;
    private @Nullable GuestMemory memory;
    private @Nullable MigrationStream migration;
    private InterruptPin pin = InterruptPin.NONE;
    private boolean automasked = true;
    private boolean resettable = true;
    private boolean resetOnLostClient = true;
    private boolean repeatable;
    private int maxMappings = 65535;
    private long maxMappingSize = 1L << 60;
    private boolean sealed;

    DeviceContext(EventLoop loop, DescriptorStore store) {
        clientLoop = loop;
        this.loop = new DeviceLoop(loop);
        state.ofSession("pci.memory.addressed"); // it is about processes, not the device
        this.store = store.under("own.");
        barMemory = new BarMemory(store);
    }

    /** Sets vendor ID and device ID, 16 bits each. Every device must. */
    public DeviceContext identity(int vendor, int device) {
        requireOpen();
        header.identity(vendor, device);
        return this;
    }

    /** Sets subsystem vendor ID and subsystem ID, 16 bits each; 0 otherwise. */
    public DeviceContext subsystem(int vendor, int device) {
        requireOpen();
        header.subsystem(vendor, device);
        return this;
    }

    /** Sets the class code's bytes, such as 1, 8, 2 for NVMe; 0xff, 0, 0 otherwise. */
    public DeviceContext classCode(int base, int sub, int programmingInterface) {
        requireOpen();
        header.classCode(base, sub, programmingInterface);
        return this;
    }

    /** Sets the revision ID, 8 bits; 0 otherwise. */
    public DeviceContext revision(int revision) {
        requireOpen();
        header.revision(revision);
        return this;
    }

    /**
     * Makes configuration space 4096 bytes long, or leaves it at 256. It becomes 4096 with the
     * first extended capability.
     */
    public DeviceContext configSpace(int size) {
        requireOpen();
        if (size != ConfigSpace.EXTENDED && size != config.size()) {
            throw new IllegalArgumentException(
                    "configuration space of %d bytes: must be 256 or 4096".formatted(size));
        }
        if (size != config.size()) {
            config.extend();
        }
        return this;
    }

    /**
     * Declares a BAR: 32-bit memory, unless its methods say otherwise.
     *
     * @param index 0 to 5
     * @param size in bytes
     */
    public Bar bar(int index, long size) {
        requireOpen();
        var bar = new Bar(index, size, state, barMemory);
        if (bars[index] != null) {
            throw new IllegalArgumentException("BAR%d is declared twice".formatted(index));
        }
        bars[index] = bar;
        return bar;
    }

    /** Gives the device an expansion ROM; its size is rounded up to a power of two. */
    public DeviceContext rom(byte[] content) {
        requireOpen();
        if (rom != null) {
            throw new IllegalArgumentException("the ROM is declared twice");
        }
        rom = new ExpansionRom(content);
        return this;
    }

    /** Adds a capability at the first free place from 0x40 on. */
    public DeviceContext capability(Capability capability) {
        requireOpen();
        note(capability);
        capabilities.add(capability);
        return this;
    }

    /** Adds a capability at {@code offset}, a multiple of 4 from 0x40 on. */
    public DeviceContext capability(int offset, Capability capability) {
        requireOpen();
        note(capability);
        capabilities.add(offset, capability);
        return this;
    }

    /** Adds an extended capability at the first free place from 0x100 on. */
    public DeviceContext capability(ExtendedCapability capability) {
        requireOpen();
        capabilities.add(capability);
        return this;
    }

    /** Adds an extended capability at {@code offset}, a multiple of 4; the first at 0x100. */
    public DeviceContext capability(int offset, ExtendedCapability capability) {
        requireOpen();
        capabilities.add(offset, capability);
        return this;
    }

    private void note(Capability capability) {
        if (capability instanceof Msi msi) {
            interrupts.capability(msi);
        } else if (capability instanceof MsiX msix) {
            interrupts.capability(msix);
        }
    }

    /** Gives the device an INTx interrupt, on pin A, and returns interrupt 0. */
    public Interrupt intx() {
        return intx(InterruptPin.A);
    }

    /** Gives the device an INTx interrupt on {@code pin}, and returns interrupt 0. */
    public Interrupt intx(InterruptPin on) {
        requireOpen();
        pin = on;
        return interrupts.interrupt(0);
    }

    /**
     * Has INTx signalled each time that it is asserted, whether or not the client has unmasked it
     * since ({@code VFIO_IRQ_INFO_AUTOMASKED} is not set), as libvfio-user's devices do: for
     * clients that never unmask. What is asserted already is not signalled again.
     */
    public DeviceContext intxSignalsAlways() {
        requireOpen();
        automasked = false;
        return this;
    }

    /**
     * Returns an interrupt of the device, always the same for a vector. The vector counts for MSI
     * and MSI-X; by INTx all go the same way.
     *
     * @param vector below what the MSI-X capability has, or MSI if there is no MSI-X, or 1
     */
    public Interrupt interrupt(int vector) {
        return interrupts.interrupt(vector);
    }

    /** Lets the device tell its client of an uncorrectable error ({@code VFIO_PCI_ERR_IRQ}). */
    public ClientSignal errorSignal() {
        if (error == null) {
            requireOpen();
            error = new NotificationIrq("ERR", true, clientLoop);
        }
        return new ClientSignal(error);
    }

    /** Lets the device ask its client to give it back ({@code VFIO_PCI_REQ_IRQ}). */
    public ClientSignal requestSignal() {
        if (request == null) {
            requireOpen();
            request = new NotificationIrq("REQ", true, clientLoop);
        }
        return new ClientSignal(request);
    }

    /**
     * Has the device migrate in the author's own way. Without this the stream is made from the
     * device's state and memory ({@link Device#movedMemory}), and there is nothing to do.
     */
    public DeviceContext migration(MigrationStream stream) {
        requireOpen();
        if (migration != null) {
            throw new IllegalArgumentException("migration is declared twice");
        }
        migration = stream;
        return this;
    }

    /** Refuses {@code DEVICE_RESET}. */
    public DeviceContext notResettable() {
        requireOpen();
        resettable = false;
        return this;
    }

    /**
     * Says that each access of a driver can be carried out twice in a row and comes to the same:
     * then a device that outlives its process can do without a journal.
     */
    public DeviceContext repeatable() {
        requireOpen();
        repeatable = true;
        return this;
    }

    /**
     * Sets whether registers and configuration space are reset when the client's session ends, as
     * they are by default; interrupts always lose what was masked and pending.
     */
    public DeviceContext resetOnLostClient(boolean reset) {
        requireOpen();
        resetOnLostClient = reset;
        return this;
    }

    /**
     * Limits what the client can map for DMA; must come before {@link #memory}.
     *
     * @param mappings how many at most
     * @param size of one at most, in bytes
     */
    public DeviceContext dmaLimits(int mappings, long size) {
        requireOpen();
        if (memory != null) {
            throw new IllegalStateException("dmaLimits() must come before memory()");
        }
        if (mappings < 1 || size < 1) {
            throw new IllegalArgumentException(
                    "DMA limits of %d mappings of %d bytes: must be positive"
                            .formatted(mappings, size));
        }
        maxMappings = mappings;
        maxMappingSize = size;
        return this;
    }

    /** Returns where the author's own fields of the device state are declared. */
    public DeviceState state() {
        return state;
    }

    /** Whether the device has, in this process or one before it, asked where memory lies. */
    StateField addressed() {
        return addressed;
    }

    /** Returns the client's memory. */
    public GuestMemory memory() {
        if (memory == null) {
            memory = new GuestMemory(maxMappings, maxMappingSize);
        }
        return memory;
    }

    /**
     * Returns an eventfd that outlives the process: a device that is restarted gets the one that it
     * had, with whatever a client has signalled meanwhile. For what a client holds on to, such as
     * the eventfds of {@link Bar#ioEventFd}.
     *
     * @param name unique among the device's own descriptors, where it is kept ({@link
     *     #descriptors}): 1 to 200 printable ASCII characters without ':'
     * @return non-blocking; closed with the device, after {@link Device#close}
     * @throws StateMismatchException when what is kept under that name is no eventfd
     */
    public Fd eventFd(String name) {
        requireOpen();
        if (eventFds.containsKey(name)) {
            throw new IllegalArgumentException("eventfd " + name + " is declared twice");
        }
        var kept = store.get(name);
        var fd = kept == null ? EventFd.create() : kept;
        eventFds.put(name, fd);
        if (kept == null) {
            store.put(name, fd);
        } else if (!EventFd.is(kept)) {
            throw new StateMismatchException("what is stored as eventfd " + name + " is none");
        }
        return fd;
    }

    /**
     * Returns where the author's own descriptors are kept that outlive the process; a store that
     * keeps nothing when the device does not outlive it. For eventfds there is {@link #eventFd}.
     */
    public DescriptorStore descriptors() {
        return store;
    }

    /** Returns the device's thread. */
    public EventLoop loop() {
        return loop;
    }

    /** As {@link #loop}. */
    DeviceLoop deviceLoop() {
        return loop;
    }

    /**
     * Hot. Returns whether the driver lets the device do DMA (bus master enable). Muser does not
     * enforce it: user-space drivers do without.
     */
    public boolean busMaster() {
        return (config.get(FunctionHeader.COMMAND, Width.U16) & COMMAND_MASTER) != 0;
    }

    private void requireOpen() {
        if (sealed) {
            throw new IllegalStateException(
                    "the device is declared further after it was constructed");
        }
    }

    /** Ends the declarations and checks them. */
    void seal() {
        requireOpen();
        sealed = true;
        interrupts.claim(bars);
        for (var bar : bars) {
            if (bar != null) {
                bar.seal();
            }
        }
        header.seal(bars, rom, pin);
        interrupts.seal(
                pin != InterruptPin.NONE,
                automasked,
                Objects.requireNonNullElseGet(
                        error, () -> new NotificationIrq("ERR", false, clientLoop)),
                Objects.requireNonNullElseGet(
                        request, () -> new NotificationIrq("REQ", false, clientLoop)),
                config,
                state,
                clientLoop);
        config.seal(state);
    }

    DeviceInfo info() {
        return new DeviceInfo(resettable, true, Region.COUNT, Irq.COUNT);
    }

    ConfigSpace config() {
        return config;
    }

    Interrupts interrupts() {
        return interrupts;
    }

    /** Returns what answers for each region index; null where there is nothing. */
    @Nullable PciRegion[] regions() {
        @Nullable PciRegion[] regions = new @Nullable PciRegion[Region.COUNT];
        System.arraycopy(bars, 0, regions, 0, bars.length);
        regions[Region.ROM] = rom;
        regions[Region.CONFIG] = config;
        return regions;
    }

    BarMemory barMemory() {
        return barMemory;
    }

    /** Returns the author's own stream, or null. */
    @Nullable MigrationStream migration() {
        return migration;
    }

    /** Returns the BARs that there are, in order. */
    List<Bar> bars() {
        return Arrays.stream(bars).filter(Objects::nonNull).map(Objects::requireNonNull).toList();
    }

    boolean isRepeatable() {
        return repeatable;
    }

    /** Returns the fields of the state and the memory of BARs by name, read-only. */
    Map<String, MemorySegment> contents() {
        var contents = state.contents();
        for (var bar : bars) {
            if (bar != null) {
                for (var part : bar.backed()) {
                    contents.put(part.toString(), part.segment().asReadOnly());
                }
            }
        }
        return contents;
    }

    /** Closes what this process has of the device. */
    void close() {
        barMemory.close();
        eventFds.values().forEach(Fd::close);
    }

    boolean resetsOnLostClient() {
        return resetOnLostClient;
    }
}
