package dev.muser.server;

import dev.muser.device.ClientKind;
import dev.muser.device.MigrationState;
import dev.muser.device.VfioDevice;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFault;
import dev.muser.linux.SyscallException;
import dev.muser.linux.UnixSocket;
import dev.muser.protocol.Capabilities;
import dev.muser.protocol.Command;
import dev.muser.protocol.Header;
import dev.muser.protocol.ProtocolException;
import dev.muser.protocol.RegionAccess;
import dev.muser.protocol.VersionMessage;
import java.lang.System.Logger.Level;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a client's messages ask for: finds who answers, and turns failures into errors. */
final class Requests {
    /** What a message may have besides its data. */
    private static final int OVERHEAD = 64;

    /**
     * Most data bytes in a message of a session that outlives the process. Such a message stays in
     * the socket until it has been handled, so all of it must fit into what the kernel lets a
     * client send ahead: 208 KiB unless net.core.wmem_default says otherwise, with 0.7 KiB for each
     * of the client's writes.
     */
    private static final int KEPT_TRANSFER = 64 << 10;

    private final VfioDevice device;
    private final ServerOptions options;
    private final Input input;
    private final Session session;
    private final Replies replies;
    private final RegionAccess access = new RegionAccess();
    private final LogLimit logLimit;
    private final @Nullable Keep keep;

    private int regionCount;
    private @Nullable Limits limits;
    private int maxTransfer;
    private @Nullable DmaChannel dma;
    private @Nullable Descriptions descriptions;
    private @Nullable Interrupts interrupts;
    private @Nullable Memory memory;
    private @Nullable WriteMulti writes;
    private @Nullable Features features;

    /** Those that came with the message at hand and that nobody has taken. */
    private List<Fd> descriptors = List.of();

    /** Whether more would have come with it, had this process numbers left. */
    private boolean descriptorsLost;

    Requests(
            VfioDevice device,
            ServerOptions options,
            Input input,
            Output output,
            Session session,
            LogLimit logLimit,
            @Nullable Keep keep) {
        this.keep = keep;
        this.device = device;
        this.options = options;
        this.input = input;
        this.session = session;
        this.replies = new Replies(output);
        this.logLimit = logLimit;
    }

    /** Returns how long a message may be, in bytes. */
    static int maxMessage(ServerOptions options, boolean kept) {
        return maxTransfer(options, kept) + OVERHEAD;
    }

    /** Returns how many data bytes a message may have. */
    private static int maxTransfer(ServerOptions options, boolean kept) {
        return kept ? Math.min(options.maxTransfer(), KEPT_TRANSFER) : options.maxTransfer();
    }

    boolean isNegotiated() {
        return limits != null;
    }

    /** Hot. Whether the message whose header this is can be handled now, or stays where it is. */
    boolean isReady(Header header) {
        var f = features;
        return f == null
                || header.command() != Command.DEVICE_FEATURE
                || !header.isCommand()
                || f.isReady(input.buffer(), input.start() + Header.SIZE, header.payloadLength());
    }

    /** Hot. Handles the message whose header this is; it starts where the input starts. */
    void handle(Header header) {
        if (input.hasDescriptors()) {
            descriptorsLost = input.hasLostDescriptors();
            descriptors = input.takeDescriptors();
        }
        try {
            if (header.isCommand()) {
                command(header);
            } else {
                reply(header);
            }
        } catch (ConnectionLost e) {
            if (e.errno() != 0) {
                replies.error(e.errno());
            }
            throw e;
        } catch (Throwable t) {
            var failed = deviceFailed(t);
            replies.error(Errno.EIO);
            throw failed;
        } finally {
            descriptorsLost = false;
            if (!descriptors.isEmpty()) {
                Session.closeAll(takeDescriptors());
            }
        }
    }

    private void reply(Header header) {
        // The device is told, and may throw: that is no answer to the client's last command.
        replies.answerNothing();
        if (!dmaReply(header, input)) {
            replies.answer(header);
            replies.error(Errno.EINVAL);
        }
    }

    /** The error for a message whose frame is wrong; the client is told, whatever it asked. */
    ConnectionLost refuse(Header header, String reason) {
        replies.answer(header);
        replies.error(Errno.EINVAL);
        return new ConnectionLost(reason, 0);
    }

    static ConnectionLost deviceFailed(Throwable thrown) {
        HeapReserve.OF_SESSIONS.releaseOn(thrown);
        if (MemoryFault.is(thrown)) {
            return new ConnectionLost("it made memory shorter that the device was using", 0);
        }
        return new ConnectionLost("the device failed: " + thrown, thrown);
    }

    private void command(Header header) {
        replies.answer(header);
        if (limits == null) {
            negotiate(header);
            return;
        }
        try {
            dispatch(header);
        } catch (VfioException e) {
            replies.error(e.errno());
            logLimit.log(Level.DEBUG, String.valueOf(e.getMessage()), null);
        }
    }

    private void dispatch(Header header) {
        int start = input.start() + Header.SIZE;
        int length = header.payloadLength();
        if (isStopped() && !allowedWhenStopped(header.command())) {
            throw new VfioException(Errno.EINVAL, "the device is stopped for migration");
        }
        switch (header.command()) {
            case Command.REGION_READ -> regionRead(start, length);
            case Command.REGION_WRITE -> regionWrite(start, length);
            default -> seldom(header.command(), start, length);
        }
    }

    private void seldom(int command, int start, int length) {
        var buffer = input.buffer();
        switch (command) {
            case Command.DMA_MAP -> require(memory).map(buffer, start, length, this);
            case Command.DMA_UNMAP -> require(memory).unmap(buffer, start, length);
            case Command.DEVICE_GET_INFO -> require(descriptions).info(buffer, start, length);
            case Command.DEVICE_GET_REGION_INFO ->
                    require(descriptions).region(buffer, start, length);
            case Command.DEVICE_GET_REGION_IO_FDS ->
                    require(descriptions).ioFds(buffer, start, length);
            case Command.DEVICE_GET_IRQ_INFO -> require(descriptions).irq(buffer, start, length);
            case Command.DEVICE_SET_IRQS -> require(interrupts).set(buffer, start, length, this);
            case Command.DEVICE_RESET -> {
                device.reset();
                replies.done();
            }
            case Command.REGION_WRITE_MULTI -> require(writes).write(buffer, start, length);
            case Command.DEVICE_FEATURE -> require(features).feature(buffer, start, length);
            case Command.MIG_DATA_READ -> require(features).readData(buffer, start, length);
            case Command.MIG_DATA_WRITE -> require(features).writeData(buffer, start, length);
            default ->
                    throw new VfioException(
                            Errno.EINVAL, "no client sends " + Command.name(command));
        }
    }

    private static <T> T require(@Nullable T part) {
        if (part == null) {
            throw new IllegalStateException("not negotiated");
        }
        return part;
    }

    /** Hot. Returns how many bytes to access; 0 when the request has been answered. */
    private int toAccess(int errno) {
        if (errno != 0) {
            replies.error(errno);
            return 0;
        }
        int count = access.count();
        if (count == 0) {
            replies.done();
        }
        return count;
    }

    private void regionRead(int start, int length) {
        access.wrap(input.buffer(), start, length);
        int count = toAccess(access.validateReadRequest(regionCount, maxTransfer));
        if (count == 0) {
            return;
        }
        int at = replies.room(RegionAccess.DATA + count);
        device.readRegion(
                access.region(),
                access.regionOffset(),
                replies.memory(),
                at + RegionAccess.DATA,
                count);
        RegionAccess.encode(replies.memory(), at, access.regionOffset(), access.region(), count);
        replies.send(RegionAccess.DATA + count);
    }

    private void regionWrite(int start, int length) {
        access.wrap(input.buffer(), start, length);
        int count = toAccess(access.validateWriteRequest(regionCount, maxTransfer));
        if (count == 0) {
            return;
        }
        device.writeRegion(
                access.region(),
                access.regionOffset(),
                access.segment(),
                access.dataOffset(),
                count);
        int at = replies.room(RegionAccess.SIZE);
        RegionAccess.encode(replies.memory(), at, access.regionOffset(), access.region(), count);
        replies.send(RegionAccess.SIZE);
    }

    /** VERSION, which must come first; a client that fails it is told so and cut off. */
    private void negotiate(Header header) {
        if (header.command() != Command.VERSION) {
            throw new ConnectionLost(
                    "it began with " + Command.name(header.command()) + ", not with VERSION",
                    Errno.EINVAL);
        }
        if (!descriptors.isEmpty()) {
            throw new ConnectionLost("it sent descriptors with VERSION", 0);
        }
        var request =
                new VersionMessage()
                        .wrap(input.buffer(), input.start() + Header.SIZE, header.payloadLength());
        if (request.validateRequest() != 0) {
            throw new ConnectionLost("it does not speak version 0 of the protocol", Errno.EINVAL);
        }
        try {
            var proposed = request.capabilities();
            var agreed = ours().answer(proposed);
            accept(
                    request.agreedMinor(),
                    agreed,
                    Limits.of(agreed, proposed),
                    Limits.kind(request.minor(), proposed));
        } catch (ProtocolException e) {
            throw new ConnectionLost("negotiation: " + e.getMessage(), e.errno());
        } catch (VfioException e) {
            throw new ConnectionLost("the device takes no client: " + e.getMessage(), e.errno());
        }
    }

    private Capabilities ours() {
        return new Capabilities(
                16, // QEMU refuses more
                maxTransfer(options, keep != null),
                device.maxDmaMaps(),
                4096,
                options.writeMultiple(),
                options.twinSocket() ? new Capabilities.TwinSocket(true, -1) : null,
                device.migration() == null ? null : new Capabilities.Migration(4096, 256L << 20));
    }

    private void accept(int minor, Capabilities agreed, Limits agreedLimits, ClientKind kind) {
        var twin = agreedLimits.twinSocket() ? twinSocket() : List.<Fd>of();
        try {
            attach(agreedLimits, kind);
        } catch (Throwable t) {
            Session.closeAll(twin);
            throw t;
        }
        // Only now, when nothing can be refused any more: a command has one reply.
        var json = agreed.encode();
        int at = replies.room(VersionMessage.SIZE + json.length);
        int length =
                VersionMessage.encode(
                        replies.memory(), at, VersionMessage.CURRENT_MAJOR, minor, json);
        replies.send(length, twin, twin);
        limits = agreedLimits;
        if (keep != null) {
            keep.negotiated(agreedLimits, kind);
        }
    }

    /** Goes on with a client that has negotiated with a process before this one. */
    void resume(Limits agreedLimits, ClientKind kind) {
        attach(agreedLimits, kind);
        limits = agreedLimits;
    }

    /** Makes the second socket; returns the client's end. */
    private List<Fd> twinSocket() {
        try {
            var pair = UnixSocket.pair();
            try {
                session.useTwin(pair[0]);
            } catch (RuntimeException e) {
                pair[1].close();
                throw e;
            }
            return List.of(pair[1].fd());
        } catch (SyscallException e) {
            throw new ConnectionLost("no second socket for it: " + e.getMessage(), e.errno());
        }
    }

    private void attach(Limits agreedLimits, ClientKind kind) {
        regionCount = device.info().regions();
        // libvfio-user's client names 1024, for what it is asked, and reads 12 KiB of a region
        maxTransfer = options.maxTransfer();
        var channel =
                new DmaChannel(
                        session.dmaOutput(),
                        agreedLimits.maxTransfer(),
                        keep == null ? null : keep.dmaIds());
        dma = channel;
        descriptions = new Descriptions(device, replies, agreedLimits);
        interrupts = new Interrupts(device, replies);
        memory = new Memory(device, replies, options.maxTransfer());
        writes = new WriteMulti(device, replies, agreedLimits);
        features = new Features(device, replies, agreedLimits, options.maxTransfer(), logLimit);
        device.attach(channel, kind);
    }

    /** Takes the descriptors that came with the message at hand; the caller owns them. */
    List<Fd> takeDescriptors() {
        var taken = descriptors;
        descriptors = List.of();
        return taken;
    }

    int descriptorCount() {
        if (descriptorsLost) {
            throw new VfioException(
                    Errno.EMFILE, "no file descriptors left for those that the client sent");
        }
        return descriptors.size();
    }

    /** Takes a client's answer to what the server asked; returns whether it was one. */
    boolean dmaReply(Header header, Input from) {
        var channel = dma;
        return channel != null
                && header.isReply()
                && channel.reply(
                        header,
                        from.buffer(),
                        from.start() + (long) Header.SIZE,
                        header.payloadLength());
    }

    /**
     * Hot. Whether the device has asked something of the client that {@link #pumpDma} would send.
     */
    boolean owesDma() {
        var channel = dma;
        return channel != null && channel.hasWaiting() && !isStopped();
    }

    /** Hot. Sends what the device asks of the client, now that its own request is answered. */
    void pumpDma() {
        var channel = dma;
        if (channel != null && !channel.isIdle() && !isStopped()) {
            channel.pump();
        }
    }

    private boolean isStopped() {
        var migration = device.migration();
        return migration != null
                && (migration.state() == MigrationState.STOP
                        || migration.state() == MigrationState.STOP_COPY);
    }

    private static boolean allowedWhenStopped(int command) {
        return switch (command) {
            case Command.REGION_READ,
                    Command.REGION_WRITE,
                    Command.DEVICE_FEATURE,
                    Command.MIG_DATA_READ,
                    Command.DEVICE_RESET -> // which ends the migration
                    true;
            default -> false;
        };
    }

    /** The session is over: the device no longer has a client. */
    void close() {
        var channel = dma;
        if (channel == null) {
            return;
        }
        dma = null;
        guarded(channel::close);
        guarded(device::detach);
    }

    private void guarded(Runnable farewell) {
        try {
            farewell.run();
            MemoryFault.fence();
        } catch (Throwable t) {
            logLimit.log(Level.ERROR, "the device failed while its client was detached", t);
        }
    }
}
