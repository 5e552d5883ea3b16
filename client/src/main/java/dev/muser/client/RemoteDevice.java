package dev.muser.client;

import dev.muser.device.DeviceInfo;
import dev.muser.device.DirtyLog;
import dev.muser.device.DmaAccess;
import dev.muser.device.DmaPort;
import dev.muser.device.IoEventFd;
import dev.muser.device.IrqAction;
import dev.muser.device.IrqInfo;
import dev.muser.device.Migration;
import dev.muser.device.Region;
import dev.muser.device.RegionInfo;
import dev.muser.device.VfioDevice;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.UnixSocket;
import dev.muser.protocol.Command;
import dev.muser.protocol.Header;
import dev.muser.protocol.RegionAccess;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The device behind a vfio-user socket.
 *
 * <p><b>Threads.</b> One thread, the caller's; there are no others. A call sends a request and
 * waits for its reply. What the server asks for meanwhile (DMA by message) is served by the {@link
 * DmaPort} given to {@link #attach}; what it asks for at other times waits for the next call, or
 * for {@link #serve}.
 *
 * <p><b>Errors.</b> {@link VfioException} when the server refuses: it is as it was before. {@link
 * DisconnectedException} when there is no reply within the timeout, the connection is lost, or the
 * server breaks the protocol: the session is over, and every later call says so again. {@link
 * #detach} and {@link #attach} begin a new one.
 *
 * <p>The hot methods allocate nothing.
 */
public final class RemoteDevice implements VfioDevice, BackgroundWork {
    private final Supplier<UnixSocket> connector;
    private final String peer;
    private final ClientOptions options;
    private final RegionAccess access = new RegionAccess();

    private Connection connection;
    private Limits limits;
    private DeviceDescription description;
    private DmaMessages dma;
    private IrqMessages irqs;
    private @Nullable RemoteMigration migration;
    private boolean migrationKnown;
    private @Nullable RemoteDirtyLog dirtyLog;
    private boolean dirtyLogKnown;
    private boolean attached;
    private boolean closed;

    private RemoteDevice(Supplier<UnixSocket> connector, String peer, ClientOptions options) {
        this.connector = connector;
        this.peer = peer;
        this.options = options;
        var session = open();
        connection = session.connection;
        limits = session.limits;
        description = session.description;
        dma = new DmaMessages(connection, limits);
        irqs = new IrqMessages(connection, limits);
    }

    /** Connects with the {@linkplain ClientOptions#DEFAULTS defaults}. */
    public static RemoteDevice connect(Path socket) {
        return connect(socket, ClientOptions.DEFAULTS);
    }

    /**
     * Connects to the server at {@code socket} and agrees with it on a version.
     *
     * @throws dev.muser.linux.SyscallException ENOENT or ECONNREFUSED when nobody listens there,
     *     EAGAIN when it has other clients waiting, EACCES
     * @throws VfioException when the server refuses this client
     * @throws DisconnectedException when it does not answer in time, or not as a vfio-user server
     */
    public static RemoteDevice connect(Path socket, ClientOptions options) {
        return new RemoteDevice(
                () -> Connector.connect(socket, options), socket.toString(), options);
    }

    /**
     * Uses a connected socket, which is its own from then on. There is no second session on it: an
     * {@link #attach} after {@link #detach} throws.
     */
    public static RemoteDevice over(UnixSocket socket, ClientOptions options) {
        return new RemoteDevice(new Connector.Once(socket), socket.fd().toString(), options);
    }

    /** Returns what was agreed with the server. */
    public Limits limits() {
        return limits;
    }

    @Override
    public DeviceInfo info() {
        return description.info();
    }

    @Override
    public RegionInfo regionInfo(int index) {
        return description.region(index);
    }

    @Override
    public IrqInfo irqInfo(int index) {
        return description.irq(index);
    }

    @Override
    public List<IoEventFd> ioEventFds(int region) {
        return description.ioEventFds(region);
    }

    /**
     * Begins a session: the one of the connection, or, after {@link #detach}, a new one.
     *
     * @throws VfioException EBUSY when attached, ENODEV when the device is another one than before
     */
    @Override
    public void attach(@Nullable DmaPort port) {
        if (attached) {
            throw new VfioException(Errno.EBUSY, "attach: a client is attached already");
        }
        if (closed) {
            throw new DisconnectedException(peer + ": closed by this client");
        }
        if (!connection.isOpen()) {
            reopen();
        }
        connection.port(port);
        attached = true;
    }

    /** Closes the connection, upon which the server does what it does for a lost client. */
    @Override
    public void detach() {
        if (attached) {
            attached = false;
            connection.close();
        }
    }

    @Override
    public void readRegion(int region, long offset, MemorySegment buffer, long at, int count) {
        for (int done = 0; done < count; ) {
            int part = Math.min(count - done, limits.maxTransfer());
            int length =
                    RegionAccess.encode(
                            connection.request(RegionAccess.SIZE),
                            Header.SIZE,
                            offset + done,
                            region,
                            part);
            int reply = connection.call(Command.REGION_READ, length);
            access.wrap(connection.reply(), connection.replyAt(), reply);
            if (access.validateReadReply(offset + done, region, part) != 0) {
                throw wrongReply("REGION_READ", reply, region, offset + done, part);
            }
            requireAll("REGION_READ", region, offset + done, part);
            MemorySegment.copy(connection.reply(), access.dataOffset(), buffer, at + done, part);
            done += part;
        }
    }

    /**
     * {@inheritDoc} With {@link ClientOptions#postedWrites}, writes to BARs return before the
     * server has seen them; reads and interrupts come after them all the same.
     */
    @Override
    public void writeRegion(int region, long offset, MemorySegment buffer, long at, int count) {
        boolean posted = options.postedWrites() && region <= Region.BAR5;
        for (int done = 0; done < count; ) {
            int part = Math.min(count - done, limits.maxTransfer());
            var request = connection.request(RegionAccess.SIZE + part);
            int length =
                    part + RegionAccess.encode(request, Header.SIZE, offset + done, region, part);
            MemorySegment.copy(buffer, at + done, request, Header.SIZE + RegionAccess.DATA, part);
            if (posted) {
                connection.post(Command.REGION_WRITE, length);
            } else {
                int reply = connection.call(Command.REGION_WRITE, length);
                access.wrap(connection.reply(), connection.replyAt(), reply);
                if (access.validateWriteReply(offset + done, region, part) != 0) {
                    throw wrongReply("REGION_WRITE", reply, region, offset + done, part);
                }
                requireAll("REGION_WRITE", region, offset + done, part);
            }
            done += part;
        }
    }

    private void requireAll(String name, int region, long offset, int count) {
        if (access.count() != count) {
            throw new VfioException(
                    Errno.EIO,
                    "%s region %d offset 0x%x count %d: the server did %d bytes of it"
                            .formatted(name, region, offset, count, access.count()));
        }
    }

    private DisconnectedException wrongReply(
            String name, int length, int region, long offset, int count) {
        return connection.violated(
                "%s reply with a payload of %d bytes does not answer region %d offset 0x%x count %d"
                        .formatted(name, length, region, offset, count));
    }

    /** Returns an empty batch of up to {@code capacity} small writes. */
    public WriteBatch writeBatch(int capacity) {
        return new WriteBatch(this, connection, limits, capacity);
    }

    @Override
    public void mapDma(long iova, long size, DmaAccess rights, @Nullable Fd file, long offset) {
        dma.map(iova, size, rights, file, offset);
    }

    @Override
    public void unmapDma(long iova, long size) {
        dma.unmap(iova, size);
    }

    @Override
    public void unmapAllDma() {
        dma.unmapAll();
    }

    @Override
    public void setIrqs(int index, IrqAction action, int start, int count) {
        irqs.act(index, action, start, count);
    }

    @Override
    public void setIrqs(int index, IrqAction action, int start, boolean[] selected) {
        irqs.act(index, action, start, selected);
    }

    @Override
    public void setIrqEventFds(int index, IrqAction action, int start, List<Fd> eventFds) {
        irqs.install(index, action, start, eventFds);
    }

    @Override
    public void clearIrqEventFds(int index, IrqAction action, int start, int count) {
        irqs.remove(index, action, start, count);
    }

    @Override
    public void disableIrqs(int index) {
        irqs.disable(index);
    }

    @Override
    public void reset() {
        connection.request(0);
        connection.call(Command.DEVICE_RESET, 0);
    }

    @Override
    public int maxDmaMaps() {
        return (int) Math.min(limits.maxDmaMaps(), Integer.MAX_VALUE);
    }

    @Override
    public @Nullable DirtyLog dirtyLog() {
        if (!dirtyLogKnown) {
            dirtyLog = RemoteDirtyLog.probe(connection);
            dirtyLogKnown = true;
        }
        return dirtyLog;
    }

    @Override
    public @Nullable Migration migration() {
        if (!migrationKnown) {
            migration = RemoteMigration.probe(connection, limits);
            migrationKnown = true;
        }
        return migration;
    }

    /** Returns the session's sockets: readable when the server asks for something or has gone. */
    @Override
    public List<Fd> descriptors() {
        return connection.descriptors();
    }

    /**
     * Serves what the server has asked for by now, without waiting.
     *
     * @throws DisconnectedException also when the server has gone since
     */
    @Override
    public boolean serve() {
        return connection.serve();
    }

    /** Whether the session is not over. It may turn out to be with the next call. */
    public boolean isConnected() {
        return connection.isOpen();
    }

    @Override
    public void close() {
        closed = true;
        attached = false;
        connection.close();
        description.close();
    }

    @Override
    public String toString() {
        return "device at " + peer;
    }

    private record Session(Connection connection, Limits limits, DeviceDescription description) {}

    private Session open() {
        var fresh = new Connection(connector.get(), peer, options);
        try {
            var agreed = Negotiation.run(fresh, options);
            return new Session(fresh, agreed, new DeviceDescription(fresh));
        } catch (RuntimeException e) {
            fresh.close();
            throw e;
        }
    }

    private void reopen() {
        var session = open();
        if (!session.description.isLike(description)) {
            session.connection.close();
            throw new VfioException(
                    Errno.ENODEV,
                    "attach: the device at %s was %s and is now %s"
                            .formatted(peer, description.info(), session.description.info()));
        }
        description.close();
        connection = session.connection;
        limits = session.limits;
        description = session.description;
        dma = new DmaMessages(connection, limits);
        irqs = new IrqMessages(connection, limits);
        migration = null;
        migrationKnown = false;
        dirtyLog = null;
        dirtyLogKnown = false;
    }
}
