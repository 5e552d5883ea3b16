package dev.muser.server;

import dev.muser.device.ClientKind;
import dev.muser.device.VfioDevice;
import dev.muser.device.state.DeviceHome;
import dev.muser.device.state.StateArea;
import dev.muser.device.state.StateSegment;
import dev.muser.linux.Fd;
import dev.muser.linux.UnixSocket;
import dev.muser.service.DescriptorStore;
import org.jspecify.annotations.Nullable;

/**
 * What of a device and its session outlives the process: the state segment and the descriptors. The
 * session's part of the segment is here; {@link KeptDevice} notes what the client has given.
 */
final class Keep implements AutoCloseable {
    static final String CONNECTION = "conn";
    static final String TWIN = "twin";

    // the area "session": what the session has come to @0, kind of client @8, most data bytes @16,
    // descriptors the client takes @24, features @32, ids of DMA requests @64
    private static final int PHASE = 0;
    private static final int KIND = 8;
    private static final int MAX_TRANSFER = 16;
    private static final int CLIENT_DESCRIPTORS = 24;
    private static final int FEATURES = 32;
    private static final int DMA_IDS = 64;

    private static final int NONE = 0;
    private static final int CONNECTED = 1;
    private static final int NEGOTIATED = 2;
    private static final int OVER = 3;
    private static final int WRITE_MULTIPLE = 1;
    private static final int TWIN_SOCKET = 2;

    private final StateSegment segment;
    private final DescriptorStore store;
    private final KeptDescriptors descriptors;
    private final KeptMappings mappings;
    private final KeptDevice device;
    private final StateArea session;
    private final long bufferSize;

    Keep(DeviceHome home, VfioDevice device, ServerOptions options) {
        segment = home.segment();
        store = home.store();
        descriptors = new KeptDescriptors(store);
        session = segment.area("session", DMA_IDS + KeptDmaIds.SIZE);
        bufferSize = KeptOutput.bufferSize(Requests.maxMessage(options, false));
        mappings = new KeptMappings(segment, descriptors, device.maxDmaMaps());
        this.device =
                new KeptDevice(
                        device,
                        mappings,
                        new KeptEventFds(segment, device, descriptors),
                        descriptors);
        for (var stream : new String[] {"main", TWIN}) {
            segment.area(stream + ".in", KeptInput.AREA_SIZE);
            segment.area(stream + ".out", KeptOutput.AREA_SIZE);
            segment.area(stream + ".fds", KeptAttachments.AREA_SIZE);
            segment.area(stream + ".buffer", bufferSize);
        }
    }

    KeptDevice device() {
        return device;
    }

    /** Hot. Ends the transaction that is going on. */
    void commit() {
        segment.commit();
        if (descriptors.hasDropped()) {
            descriptors.forget();
        }
    }

    /** Notes that a client has connected: a successor goes on with it. */
    void begin(UnixSocket client) {
        session.setLong(PHASE, NONE); // from here on a connection that is kept is this one
        session.commit();
        store.put(CONNECTION, client.fd());
        beginKept();
    }

    /** The same for a client that a process before this one has kept, and no more. */
    void beginKept() {
        for (var stream : new String[] {"main", TWIN}) {
            for (var part : new String[] {".in", ".out", ".fds"}) {
                var area = segment.area(stream + part);
                if (area != null) {
                    zero(area);
                }
            }
        }
        session.setLong(PHASE, CONNECTED);
        session.commit();
    }

    /** Not for a transaction to undo: what is there means nothing without a session. */
    private static void zero(StateArea area) {
        long length = Math.min(area.memory().byteSize(), 64); // the rest is said to be unused
        area.memory().asSlice(0, length).fill((byte) 0);
    }

    /** Notes what server and client have agreed on. */
    void negotiated(Limits limits, ClientKind kind) {
        session.setLong(KIND, kind == ClientKind.VIRTUAL_MACHINE ? 1 : 0);
        session.setLong(MAX_TRANSFER, limits.maxTransfer());
        session.setLong(CLIENT_DESCRIPTORS, limits.clientDescriptors());
        session.setLong(
                FEATURES,
                (limits.writeMultiple() ? WRITE_MULTIPLE : 0)
                        | (limits.twinSocket() ? TWIN_SOCKET : 0));
        session.setLong(DMA_IDS, 1);
        session.setLong(PHASE, NEGOTIATED);
    }

    /** Keeps this end of the second socket. */
    void twin(UnixSocket ours) {
        store.put(TWIN, ours.fd());
    }

    /** Returns the client that a process before this one had; null when it had none. */
    @Nullable Fd connection() {
        return session.getLong(PHASE) == OVER ? null : store.get(CONNECTION);
    }

    /** Whether a session has begun and is not over, in this process or one before it. */
    boolean hasSession() {
        long phase = session.getLong(PHASE);
        return phase == CONNECTED || phase == NEGOTIATED;
    }

    /** Returns what that client has agreed on; null when it had not yet. */
    @Nullable Limits limits() {
        if (session.getLong(PHASE) != NEGOTIATED) {
            return null;
        }
        long features = session.getLong(FEATURES);
        return new Limits(
                (int) session.getLong(MAX_TRANSFER),
                (int) session.getLong(CLIENT_DESCRIPTORS),
                (features & WRITE_MULTIPLE) != 0,
                (features & TWIN_SOCKET) != 0);
    }

    ClientKind kind() {
        return session.getLong(KIND) == 1 ? ClientKind.VIRTUAL_MACHINE : ClientKind.DRIVER;
    }

    @Nullable Fd twin() {
        return store.get(TWIN);
    }

    KeptDmaIds dmaIds() {
        return new KeptDmaIds(session, DMA_IDS);
    }

    KeptInput input(UnixSocket socket, int maxMessage, boolean twin) {
        return new KeptInput(
                socket, maxMessage, segment.area(name(twin) + ".in", KeptInput.AREA_SIZE));
    }

    KeptOutput output(UnixSocket socket, boolean twin) {
        var name = name(twin);
        return new KeptOutput(
                socket,
                segment.area(name + ".out", KeptOutput.AREA_SIZE),
                segment.area(name + ".buffer", bufferSize),
                new KeptAttachments(
                        segment.area(name + ".fds", KeptAttachments.AREA_SIZE), descriptors));
    }

    private static String name(boolean twin) {
        return twin ? TWIN : "main";
    }

    /** Notes that the session is over. The device has been detached. */
    void end() {
        session.setLong(PHASE, OVER);
        for (int at = DMA_IDS; at < DMA_IDS + KeptDmaIds.SIZE; at += 8) {
            session.setLong(at, 0);
        }
        commit();
        mappings.discard();
        forgetClient();
    }

    private void forgetClient() {
        store.remove(CONNECTION);
        store.remove(TWIN);
        descriptors.forgetUnused();
    }

    /** Says that a successor can go on from here, and forgets what it does not need. */
    void ready() {
        segment.ready();
        if (!hasSession()) {
            forgetClient();
        }
        descriptors.forgetUnused();
    }

    /** Forgets everything: nobody is to go on from here. */
    void forget() {
        store.names().forEach(store::remove);
    }

    /** Closes what this process has, and undoes nothing: another one goes on. */
    void leave() {
        device.abandon();
        segment.close();
    }

    @Override
    public void close() {
        segment.close();
    }
}
