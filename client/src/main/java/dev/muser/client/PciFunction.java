package dev.muser.client;

import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.IrqInfo;
import dev.muser.device.VfioDevice;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A PCI function as its driver sees it, on top of any {@link VfioDevice}: configuration space,
 * BARs, DMA memory, interrupts.
 *
 * <pre>{@code
 * try (var device = RemoteDevice.connect(Path.of("/run/edu.sock"));
 *         var function = new PciFunction(device)) {
 *     function.config().enable();
 *     int id = function.bar(0).read32(0);
 * }
 * }</pre>
 *
 * <p>It is one session of the device: {@linkplain VfioDevice#attach attached} when made, detached
 * when closed. Belongs to one thread, the driver's.
 */
public final class PciFunction implements AutoCloseable {
    /** A device that does everything within its calls, or on a thread of its own. */
    private static final BackgroundWork NONE =
            new BackgroundWork() {
                @Override
                public List<Fd> descriptors() {
                    return List.of();
                }

                @Override
                public boolean serve() {
                    return false;
                }
            };

    private final VfioDevice device;
    private final BackgroundWork work;
    private final ConfigSpace config;
    private final DmaSpace dma;
    private final @Nullable BarView[] bars = new BarView[6];
    private final List<Interrupt> interrupts = new ArrayList<>();

    /** Attaches to {@code device}; what it needs done while a driver waits is done. */
    public PciFunction(VfioDevice device) {
        this(device, device instanceof BackgroundWork work ? work : NONE);
    }

    /**
     * Attaches to {@code device}.
     *
     * @param work what is to be done while a driver waits for an interrupt: for a device wrapped
     *     around a {@link RemoteDevice} that one, for a device in process its loop
     */
    public PciFunction(VfioDevice device, BackgroundWork work) {
        if (!device.info().pci()) {
            throw new VfioException(Errno.ENODEV, device + " is not a PCI device");
        }
        this.device = device;
        this.work = work;
        config = new ConfigSpace(device);
        dma = new DmaSpace(device);
        device.attach(dma.port());
    }

    /** Returns the device, for what this class does not wrap. */
    public VfioDevice device() {
        return device;
    }

    /** Returns what a driver that waits in its own way is to do meanwhile. */
    public BackgroundWork work() {
        return work;
    }

    public ConfigSpace config() {
        return config;
    }

    public DmaSpace dma() {
        return dma;
    }

    /**
     * Returns BAR {@code number}, mapped where the device allows it; closed with this.
     *
     * @throws VfioException ENODEV when the device does not have it
     */
    public BarView bar(int number) {
        var view = bars[number];
        if (view == null) {
            view = new BarView(device, number);
            bars[number] = view;
        }
        return view;
    }

    /**
     * Returns the best interrupt that the device has: vector 0 of MSI-X or MSI, else INTx.
     *
     * @throws VfioException ENODEV when it has none
     */
    public Interrupt interrupt() {
        for (int index : new int[] {Irq.MSIX, Irq.MSI, Irq.INTX}) {
            if (device.irqInfo(index).count() > 0) {
                return interrupt(index, 0);
            }
        }
        throw new VfioException(Errno.ENODEV, "the device has no interrupt");
    }

    /** Returns one interrupt: the one in use, or a new one as {@link #interrupts} says. */
    public Interrupt interrupt(int index, int number) {
        for (var interrupt : interrupts) {
            if (interrupt.is(index, number)) {
                return interrupt;
            }
        }
        return interrupts(index, number, 1).getFirst();
    }

    /**
     * Installs eventfds for interrupts {@code start} to {@code start + count - 1} and enables the
     * index in configuration space. All are closed with this. Interrupts that are in use already
     * are replaced, and no longer delivered to their old objects.
     *
     * @param index one of {@link Irq}
     * @throws VfioException EINVAL when the device does not have them all
     */
    public List<Interrupt> interrupts(int index, int start, int count) {
        var info = device.irqInfo(index);
        if (start < 0 || count < 1 || start > info.count() - count) {
            throw new VfioException(
                    Errno.EINVAL,
                    "interrupts %d to %d of index %d, which has %d"
                            .formatted(start, start + count - 1, index, info.count()));
        }
        var installed = install(index, start, count, info);
        interrupts.removeIf(old -> {
            boolean replaced = installed.stream().anyMatch(old::isSame);
            if (replaced) {
                old.abandon();
            }
            return replaced || !old.isOpen();
        });
        interrupts.addAll(installed);
        enable(index, info.count());
        return installed;
    }

    private List<Interrupt> install(int index, int start, int count, IrqInfo info) {
        var created = new ArrayList<Interrupt>();
        var forDevice = new ArrayList<Fd>();
        for (int i = 0; i < count; i++) {
            var eventFd = EventFd.create();
            created.add(new Interrupt(device, work, index, start + i, info.autoMasked(), eventFd));
            forDevice.add(eventFd.duplicate());
        }
        try {
            device.setIrqEventFds(index, IrqAction.TRIGGER, start, forDevice);
        } catch (RuntimeException e) {
            created.forEach(interrupt -> interrupt.descriptor().close());
            throw e;
        }
        return created;
    }

    /** What a kernel does when a driver asks for vectors. */
    private void enable(int index, int count) {
        switch (index) {
            case Irq.INTX -> config.command(0, ConfigSpace.COMMAND_INTX_DISABLE);
            case Irq.MSI -> {
                int at = config.findCapability(ConfigSpace.CAPABILITY_MSI);
                if (at != 0) {
                    // message control: enable bit 0, multiple message enable (log2) bits 4-6
                    int log2 = 31 - Integer.numberOfLeadingZeros(count);
                    int control = config.read16(at + 2) & ~0x70;
                    config.write16(at + 2, control | log2 << 4 | 1);
                }
            }
            case Irq.MSIX -> {
                int at = config.findCapability(ConfigSpace.CAPABILITY_MSIX);
                if (at != 0) {
                    // message control: enable bit 15, function mask bit 14
                    config.write16(at + 2, (config.read16(at + 2) & ~0x4000) | 0x8000);
                }
            }
            default -> {} // errors and requests are VFIO's own, unknown to configuration space
        }
    }

    /** Resets the device; DMA memory and interrupts stay installed. */
    public void reset() {
        device.reset();
    }

    /** Takes everything back from the device, as far as it lets go, and detaches from it. */
    @Override
    public void close() {
        try {
            closeAll(interrupts);
        } finally {
            try {
                dma.close();
            } finally {
                closeAll(Arrays.asList(bars));
                device.detach();
            }
        }
    }

    /** Closes all, also those after one that throws. */
    static void closeAll(Iterable<? extends @Nullable AutoCloseable> all) {
        RuntimeException failure = null;
        for (var each : all) {
            try {
                if (each != null) {
                    each.close();
                }
            } catch (RuntimeException e) {
                failure = failure == null ? e : failure;
            } catch (Exception e) {
                throw new AssertionError(e); // nothing here throws a checked one
            }
        }
        if (failure != null) {
            throw failure;
        }
    }
}
