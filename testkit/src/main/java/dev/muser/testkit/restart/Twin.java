package dev.muser.testkit.restart;

import dev.muser.device.Migration;
import dev.muser.device.MigrationState;
import dev.muser.device.Region;
import dev.muser.device.VfioException;
import dev.muser.device.pci.DeviceFactory;
import dev.muser.device.pci.PciDevice;
import dev.muser.device.pci.RegisterSnapshot;
import dev.muser.device.state.DeviceHome;
import dev.muser.device.state.StateSegment;
import dev.muser.service.LocalStore;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One of the two devices, with its client. Each request is a transaction, as in a server; {@link
 * #die} and {@link #start} do what happens when the process dies at this moment.
 */
final class Twin implements DeviceView, AutoCloseable {
    static final int LIMIT = 4096;

    private static final String LABEL = "restart-check";
    private static final int MAX_TURNS = 100_000;

    /** So often a poller may find nothing and want another turn all the same. */
    private static final int IDLE_TURNS = 4;

    private final DeviceFactory factory;
    private final TwinClient client;
    private final long memoryAt;
    private final Fuse fuse = new Fuse();
    private LocalStore store = new LocalStore();
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment buffer = arena.allocate(LIMIT, 8);
    private CheckLoop loop = newLoop();
    private @Nullable StateSegment segment;
    private @Nullable PciDevice device;

    Twin(DeviceFactory factory, TwinClient client, long memoryAt) {
        this.factory = Mortal.factory(factory, fuse);
        this.client = client;
        this.memoryAt = memoryAt;
    }

    private CheckLoop newLoop() {
        return new CheckLoop(this::commit);
    }

    Fuse fuse() {
        return fuse;
    }

    TwinClient client() {
        return client;
    }

    PciDevice device() {
        var d = device;
        if (d == null) {
            throw new IllegalStateException("there is no device yet");
        }
        return d;
    }

    private void commit() {
        if (segment != null) {
            segment.commit();
        }
        client.port().commit();
    }

    /** A process begins: it makes the device, or goes on from what one before it has left. */
    void start() {
        var home = segment == null ? StateSegment.create(LABEL) : segment;
        segment = home;
        home.onStep(fuse::step);
        var made = PciDevice.create(factory, loop, new DeviceHome(home, store));
        device = made;
        client.meet(made);
        if (home.isRestored()) {
            client.attachAgain(made);
            made.restored();
            commit();
        } else {
            home.ready();
        }
    }

    /** The process is gone, with all that was not in its state. */
    void die() {
        fuse.out();
        if (device != null) {
            device.abandon();
            device = null;
        }
        loop.abandon();
        loop = newLoop();
        client.port().finish();
        var dead = segment;
        if (dead != null) {
            var fd = dead.fd().duplicate();
            dead.close(); // whoever still runs can store no more
            segment = StateSegment.open(fd, LABEL);
            if (segment == null) {
                fd.close(); // it died before the device was complete
            }
        }
    }

    /**
     * The device migrates: another process makes one, and goes on with what comes in the stream.
     * The client has the same memory and eventfds there.
     */
    void move() {
        var source = device();
        var from = source.migration();
        from.moveTo(MigrationState.PRE_COPY);
        var stream = new ByteArrayOutputStream();
        read(from, stream);
        for (int turn = 0; !from.prepare(MigrationState.STOP_COPY); turn++) {
            loop.turn();
            if (turn == MAX_TURNS) {
                throw new AssertionError("the device does not stand still");
            }
        }
        from.moveTo(MigrationState.STOP_COPY);
        read(from, stream);
        var masked = client.masked(source);
        client.port().finish(); // what was asked before the device stopped
        leave(source);
        start();
        var target = device();
        client.moved(target);
        client.attachAgain(target);
        client.mask(target, masked);
        target.migration().moveTo(MigrationState.RESUMING);
        write(target.migration(), stream.toByteArray());
        target.migration().moveTo(MigrationState.RUNNING);
        commit();
    }

    private void leave(PciDevice source) {
        source.abandon();
        loop.abandon();
        loop = newLoop();
        if (segment != null) {
            segment.close();
            segment = null;
        }
        store.close();
        store = new LocalStore();
    }

    private void read(Migration from, ByteArrayOutputStream into) {
        int n;
        do {
            n = from.read(buffer, 0, LIMIT);
            into.writeBytes(buffer.asSlice(0, n).toArray(ValueLayout.JAVA_BYTE));
        } while (n == LIMIT);
    }

    private void write(Migration to, byte[] stream) {
        for (int at = 0; at < stream.length; ) {
            int n = Math.min(LIMIT, stream.length - at);
            MemorySegment.copy(stream, at, buffer, ValueLayout.JAVA_BYTE, 0, n);
            to.write(buffer, 0, n);
            at += n;
        }
    }

    /** Whether the device can migrate now. */
    boolean isMovable() {
        return migration().state() == MigrationState.RUNNING;
    }

    /** Handles a request; one that the check cannot make is the generator's mistake. */
    Reply handle(Request request) {
        Reply reply;
        try {
            reply = perform(request);
        } catch (VfioException e) {
            commit();
            return new Reply(e.errno(), "");
        }
        commit();
        client.handled(request);
        return reply;
    }

    /**
     * Whether a process can die in the middle of the request, and the next one know what is left of
     * it: which of several timers have expired nobody can tell.
     */
    boolean canDieIn(Request request) {
        return switch (request) {
            case Request.Expire _ -> loop.due(false) <= 1;
            case Request.ExpireAll _ -> loop.due(true) <= 1;
            default -> true;
        };
    }

    private Reply perform(Request request) {
        var d = device();
        switch (request) {
            case Request.Read r -> {
                d.readRegion(r.region(), r.offset(), buffer, 0, r.count());
                return taken(r.count());
            }
            case Request.Write w ->
                    d.writeRegion(w.region(), w.offset(), buffer, 0, fill(w.bytes()));
            case Request.MapDma map -> client.map(d, map);
            case Request.UnmapDma u -> d.unmapDma(u.iova(), u.size());
            case Request.UnmapAllDma _ -> d.unmapAllDma();
            case Request.InstallEventFds i -> client.install(d, i);
            case Request.RemoveEventFds r ->
                    d.clearIrqEventFds(r.index(), r.action(), r.start(), r.count());
            case Request.SetIrqs s -> d.setIrqs(s.index(), s.action(), s.start(), s.count());
            case Request.DisableIrqs i -> d.disableIrqs(i.index());
            case Request.SignalEventFd s ->
                    client.signal(new TwinClient.Signal(s.index(), s.action(), s.vector()));
            case Request.SignalIoEventFd s -> client.signalIoEventFd(s.region(), s.number());
            case Request.Reset _ -> d.reset();
            case Request.Reconnect _ -> reconnect(d);
            case Request.MoveTo m -> migration().moveTo(m.target());
            case Request.ReadMigration r -> {
                return taken(migration().read(buffer, 0, r.count()));
            }
            case Request.WriteMigration w -> migration().write(buffer, 0, fill(w.bytes()));
            case Request.Store s -> client.store(s);
            case Request.StoreMapped s -> client.storeMapped(d, s);
            case Request.Work _ -> work();
            case Request.Settle _ -> settle();
            case Request.Expire _ -> loop.expire(false);
            case Request.ExpireAll _ -> loop.expire(true);
        }
        return Reply.DONE;
    }

    private Reply taken(int count) {
        return Reply.of(buffer.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE));
    }

    private int fill(MemorySegment bytes) {
        MemorySegment.copy(bytes, 0, buffer, 0, bytes.byteSize());
        return (int) bytes.byteSize();
    }

    private void reconnect(PciDevice d) {
        d.detach();
        commit();
        client.attached(false);
        client.attach(d);
        commit();
        client.attached(true);
    }

    private Migration migration() {
        return device().migration();
    }

    /** Turns the loop until there is nothing to do. */
    private void work() {
        int idle = 0;
        for (int turn = 0; turn < MAX_TURNS; turn++) {
            idle = loop.turn() ? 0 : idle + 1;
            if (idle == IDLE_TURNS || (idle > 0 && !loop.hasPollers())) {
                return;
            }
        }
        throw new AssertionError("the device is still at work after %d turns".formatted(MAX_TURNS));
    }

    private void settle() {
        do {
            work();
            while (client.port().answer()) {
                commit();
            }
        } while (loop.turn());
    }

    @Override
    public long regionSize(int region) {
        return device().regionInfo(region).size();
    }

    @Override
    public int ioEventFds(int region) {
        return regionSize(region) == 0 ? 0 : device().ioEventFds(region).size();
    }

    @Override
    public int interrupts(int index) {
        return device().irqInfo(index).count();
    }

    @Override
    public int timers() {
        return loop.due(true);
    }

    @Override
    public boolean migrates() {
        return true;
    }

    @Override
    public boolean hasOwnStream() {
        return device().hasOwnStream();
    }

    @Override
    public List<RegisterSnapshot> registers(int region) {
        return region > Region.BAR5 ? List.of() : device().registers(region);
    }

    @Override
    public MemorySegment memory() {
        return client.memory().asReadOnly();
    }

    @Override
    public long memoryAt() {
        return memoryAt;
    }

    @Override
    public List<Request.MapDma> mappings() {
        return client.mappings();
    }

    @Override
    public void close() {
        if (device != null) {
            device.close();
        }
        if (segment != null) {
            segment.close();
        }
        store.close();
        arena.close();
        client.close();
    }
}
