package dev.muser.testkit.devices.nvme;

import dev.muser.client.BackgroundWork;
import dev.muser.device.ClientKind;
import dev.muser.device.DeviceInfo;
import dev.muser.device.DmaAccess;
import dev.muser.device.DmaCompletion;
import dev.muser.device.DmaPort;
import dev.muser.device.IoEventFd;
import dev.muser.device.IrqAction;
import dev.muser.device.IrqInfo;
import dev.muser.device.Migration;
import dev.muser.device.RegionInfo;
import dev.muser.device.VfioDevice;
import dev.muser.device.pci.PciDevice;
import dev.muser.device.state.DeviceHome;
import dev.muser.device.state.StateSegment;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.linux.Fd;
import dev.muser.service.DescriptorStore;
import dev.muser.service.LocalStore;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A controller whose process dies, and its successors: what a server and a keeper do, in the test's
 * thread. To the driver it is one device. A request in which the process dies is handled again by
 * the next one; each request, task, and turn of a poller is a transaction.
 */
final class RestartableDisk implements VfioDevice, BackgroundWork, AutoCloseable {
    private static final String LABEL = "restartable";

    /** How a process opens its storages, from what is kept for it. */
    interface Storages extends Function<DescriptorStore, List<NamespaceOptions>> {}

    private record Mapping(long size, DmaAccess access, @Nullable Fd file, long offset) {}

    private record Irqs(int index, IrqAction action) {}

    private record Message(boolean read, long iova, MemorySegment bytes, DmaCompletion then) {}

    final Fuse fuse = new Fuse();

    /** Whether what goes by message is answered at once, or when the device is served. */
    boolean slowMessages;

    /** What is told to a new process before it starts. */
    Runnable onBirth = () -> {};

    private final LocalStore store = new LocalStore();
    private final Storages storages;
    private final Function<List<NamespaceOptions>, NvmeOptions> options;
    private final Map<Long, Mapping> mappings = new LinkedHashMap<>();
    private final Map<Irqs, List<@Nullable Fd>> eventFds = new LinkedHashMap<>();
    private final Queue<Message> asked = new ArrayDeque<>();
    private final Queue<Message> sent = new ArrayDeque<>();
    private @Nullable DmaPort port;
    private ClientKind kind = ClientKind.UNKNOWN;
    private boolean attached;
    private StateSegment segment;
    private TurnLoop loop = new TurnLoop(this::commit);
    private @Nullable PciDevice device;
    private @Nullable Nvme nvme;
    private List<NamespaceOptions> opened = List.of();
    private int deaths;

    RestartableDisk(Storages storages, Function<List<NamespaceOptions>, NvmeOptions> options) {
        this.storages = storages;
        this.options = options;
        segment = StateSegment.create(LABEL);
        segment.onStep(fuse::step);
        start();
        segment.ready();
    }

    /** Returns how many processes have died. */
    int deaths() {
        return deaths;
    }

    Nvme nvme() {
        return Objects.requireNonNull(nvme);
    }

    private PciDevice device() {
        return Objects.requireNonNull(device);
    }

    private void commit() {
        segment.commit();
        sent.addAll(asked);
        asked.clear();
    }

    private void start() {
        onBirth.run();
        opened = storages.apply(store.under("storage."));
        var made =
                PciDevice.create(
                        ctx -> nvme = new Nvme(ctx, options.apply(opened)),
                        loop,
                        new DeviceHome(segment, store));
        device = made;
        if (!segment.isRestored()) {
            return;
        }
        if (attached) {
            made.attach(new Port(), kind);
            mappings.forEach((iova, m) ->
                    made.mapDma(
                            iova,
                            m.size,
                            m.access,
                            m.file == null ? null : m.file.duplicate(),
                            m.offset));
            eventFds.forEach((key, fds) -> {
                for (int i = 0; i < fds.size(); i++) {
                    var fd = fds.get(i);
                    if (fd != null) {
                        made.setIrqEventFds(key.index, key.action, i, List.of(fd.duplicate()));
                    }
                }
            });
        }
        made.restored();
        commit();
    }

    /** The process dies now, and another goes on; that may die on its way. */
    void die() {
        while (true) {
            deaths++;
            fuse.out();
            bury();
            try {
                start();
                return;
            } catch (Fuse.Death e) {
                // once more
            }
        }
    }

    /** What the system does: memory and descriptors of the process go. */
    private void bury() {
        if (device != null) {
            device.abandon();
            device = null;
        }
        loop.abandon();
        loop = new TurnLoop(this::commit);
        opened.forEach(namespace -> namespace.storage().close());
        asked.clear();
        for (var message = sent.poll(); message != null; message = sent.poll()) {
            perform(message, errno -> {}); // has left, and is not taken back
        }
        var fd = segment.fd().duplicate();
        segment.close();
        var next = StateSegment.open(fd, LABEL);
        if (next == null) {
            throw new AssertionError("it died before it was complete");
        }
        segment = next;
        segment.onStep(fuse::step);
    }

    private interface Call {
        void on(PciDevice device);
    }

    /**
     * Handles a request.
     *
     * @param then what a keeper knows afterwards; together with the request's transaction
     */
    private void request(Call call, Runnable then) {
        while (true) {
            try {
                call.on(device());
                commit();
                then.run();
                serve();
                return;
            } catch (Fuse.Death e) {
                die();
            } catch (RuntimeException e) {
                commit();
                throw e;
            }
        }
    }

    private void request(Call call) {
        request(call, () -> {});
    }

    @Override
    public boolean serve() {
        try {
            boolean worked = loop.turn();
            var message = sent.poll();
            if (message != null) {
                perform(message, message.then);
                commit();
            }
            return worked || message != null || loop.isBusy();
        } catch (Fuse.Death e) {
            die();
            return true;
        }
    }

    @Override
    public List<Fd> descriptors() {
        return List.of();
    }

    private void perform(Message message, DmaCompletion then) {
        var client = Objects.requireNonNull(port);
        if (message.read) {
            client.read(message.iova, message.bytes, then);
        } else {
            client.write(message.iova, message.bytes, then);
        }
    }

    private final class Port implements DmaPort {
        @Override
        public void read(long iova, MemorySegment into, DmaCompletion completion) {
            ask(new Message(true, iova, into, completion));
        }

        @Override
        public void write(long iova, MemorySegment from, DmaCompletion completion) {
            var copy = MemorySegment.ofArray(new byte[(int) from.byteSize()]).copyFrom(from);
            ask(new Message(false, iova, copy, completion));
        }

        private void ask(Message message) {
            if (slowMessages) {
                asked.add(message);
            } else {
                perform(message, message.then);
            }
        }
    }

    // ---- what the driver sees ----

    @Override
    public void attach(@Nullable DmaPort newPort) {
        port = newPort;
        request(d -> d.attach(new Port(), kind), () -> attached = true);
    }

    void kind(ClientKind newKind) {
        kind = newKind;
    }

    @Override
    public void detach() {
        request(
                d -> d.detach(),
                () -> {
                    attached = false;
                    mappings.clear();
                    eventFds.clear();
                });
    }

    @Override
    public DeviceInfo info() {
        return device().info();
    }

    @Override
    public RegionInfo regionInfo(int index) {
        return device().regionInfo(index);
    }

    @Override
    public IrqInfo irqInfo(int index) {
        return device().irqInfo(index);
    }

    @Override
    public List<IoEventFd> ioEventFds(int region) {
        return device().ioEventFds(region);
    }

    @Override
    public void readRegion(int region, long offset, MemorySegment buffer, long at, int count) {
        request(d -> d.readRegion(region, offset, buffer, at, count));
    }

    @Override
    public void writeRegion(int region, long offset, MemorySegment buffer, long at, int count) {
        request(d -> d.writeRegion(region, offset, buffer, at, count));
    }

    @Override
    public void mapDma(long iova, long size, DmaAccess access, @Nullable Fd file, long offset) {
        var mapping = new Mapping(size, access, file == null ? null : file.duplicate(), offset);
        try (file) {
            request(
                    d ->
                            d.mapDma(
                                    iova,
                                    size,
                                    access,
                                    file == null ? null : file.duplicate(),
                                    offset),
                    () -> mappings.put(iova, mapping));
        }
    }

    @Override
    public void unmapDma(long iova, long size) {
        request(
                d -> d.unmapDma(iova, size),
                () -> {
                    var mapping = mappings.remove(iova);
                    if (mapping != null && mapping.file != null) {
                        mapping.file.close();
                    }
                });
    }

    @Override
    public void unmapAllDma() {
        request(d -> d.unmapAllDma(), mappings::clear);
    }

    @Override
    public void setIrqs(int index, IrqAction action, int start, int count) {
        request(d -> d.setIrqs(index, action, start, count));
    }

    @Override
    public void setIrqs(int index, IrqAction action, int start, boolean[] selected) {
        request(d -> d.setIrqs(index, action, start, selected));
    }

    @Override
    public void setIrqEventFds(int index, IrqAction action, int start, List<Fd> fds) {
        request(
                d ->
                        d.setIrqEventFds(
                                index, action, start, fds.stream().map(Fd::duplicate).toList()),
                () -> keep(index, action, start, fds));
    }

    private void keep(int index, IrqAction action, int start, List<Fd> fds) {
        var kept = eventFds.computeIfAbsent(new Irqs(index, action), _ -> new ArrayList<>());
        for (int i = 0; i < fds.size(); i++) {
            while (kept.size() <= start + i) {
                kept.add(null);
            }
            kept.set(start + i, fds.get(i));
        }
    }

    @Override
    public void clearIrqEventFds(int index, IrqAction action, int start, int count) {
        request(
                d -> d.clearIrqEventFds(index, action, start, count),
                () -> {
                    var kept = eventFds.getOrDefault(new Irqs(index, action), List.of());
                    for (int i = start; i < Math.min(start + count, kept.size()); i++) {
                        kept.set(i, null);
                    }
                });
    }

    @Override
    public void disableIrqs(int index) {
        request(
                d -> d.disableIrqs(index),
                () -> eventFds.keySet().removeIf(key -> key.index == index));
    }

    @Override
    public void reset() {
        request(d -> d.reset());
    }

    @Override
    public @Nullable Migration migration() {
        return null;
    }

    @Override
    public void close() {
        fuse.out();
        if (device != null) {
            device.close();
        }
        segment.close();
        store.close();
    }
}
