package dev.muser.server;

import dev.muser.device.EventLoop;
import dev.muser.device.VfioDevice;
import dev.muser.device.state.StateMismatchException;
import dev.muser.linux.Epoll;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFault;
import dev.muser.linux.UnixSocket;
import dev.muser.protocol.Header;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One client's connection, from accept to its end: when to read, when to write, when to stop.
 *
 * <p>Nothing here waits. A client that sends half a message has a deadline; one that does not read
 * its replies is not read from any more; one that sends without end has a number of messages in
 * each turn of the loop.
 */
final class Session implements Source {
    /** Above so many bytes of unread replies the client's next message has to wait. */
    static final int UNREAD_REPLIES = 256 * 1024;

    /** So long may the messages of one turn take before others have theirs. */
    private static final long TURN_NANOS = 1_000_000;

    private final Loop loop;
    private final ServerOptions options;
    private final UnixSocket socket;
    private final Input input;
    private final Output output;
    private final Header header = new Header();
    private final Requests requests;
    private final int maxMessage;
    private final Consumer<ConnectionLost> ended;
    private final EventLoop.Timer deadline;
    private final @Nullable Keep keep;

    private int token;
    private int interest = Epoll.IN;
    private boolean open = true;

    /** Whether the loop has been told to call again. */
    private boolean queued;

    /** Whether the client owes something: the rest of a message, or of the negotiation. */
    private boolean owing;

    /** Since when, in nanoTime, and where in the stream the message that is owed starts. */
    private long owingSince;

    private long owingAt;
    private boolean deadlineArmed;
    private @Nullable TwinSocket twin;

    /**
     * @param keep what outlives the process, and says where one before this stopped; null when
     *     nothing does
     * @param ended is told, once, why the session is over; the device is detached by then
     */
    Session(
            Loop loop,
            VfioDevice device,
            UnixSocket socket,
            ServerOptions options,
            LogLimit logLimit,
            @Nullable Keep keep,
            Consumer<ConnectionLost> ended) {
        this.loop = loop;
        this.options = options;
        this.socket = socket;
        this.ended = ended;
        maxMessage = Requests.maxMessage(options, keep != null);
        this.keep = keep;
        input =
                keep == null
                        ? new Input(socket, maxMessage)
                        : keep.input(socket, maxMessage, false);
        output = keep == null ? new Output(socket) : keep.output(socket, false);
        requests = new Requests(device, options, input, output, this, logLimit, keep);
        deadline = loop.timer(this::deadlinePassed);
    }

    /**
     * Begins.
     *
     * @throws dev.muser.linux.SyscallException when the loop cannot watch the socket, which stays
     *     open and the caller's
     */
    void start() {
        try {
            token = loop.register(socket.fd(), interest, this);
        } catch (RuntimeException e) {
            input.close();
            output.close();
            throw e;
        }
        loop.addPolled(this);
        mark(true);
    }

    /**
     * Goes on with a client that a process before this one had.
     *
     * @throws RuntimeException when that cannot be; the session is to be ended
     */
    void resume(Keep kept) {
        var limits = kept.limits();
        if (limits != null) {
            if (limits.twinSocket()) {
                var other = kept.twin();
                if (other == null) {
                    throw new StateMismatchException("the client's second socket is not kept");
                }
                twin = new TwinSocket(loop, this, UnixSocket.adopt(other), maxMessage, kept);
            }
            requests.resume(limits, kept.kind());
            kept.device().restoreClient();
        }
        queued = true;
        loop.again(this); // there may be something to send, or to receive
    }

    /** Hot. Called when the socket is ready, or when messages were left over. */
    @Override
    public void ready(int events) {
        if (events == 0) {
            queued = false;
        }
        if (open) {
            turn((events & (Epoll.IN | Epoll.HANG_UP | Epoll.ERROR)) != 0);
        }
    }

    @Override
    public boolean poll() {
        // Not worth a system call: there is no room for what it would bring.
        return open && (interest & Epoll.IN) != 0 && turn(true);
    }

    /** Whether there was anything to do. */
    private boolean turn(boolean receive) {
        boolean worked = !(receive || input.wantsMore()) || input.hasMessage();
        try {
            if (output.flush(loop.buffers().sender)) {
                if (!worked) {
                    int n = input.fill(loop.buffers().receiver);
                    worked = n != -Errno.EAGAIN;
                    if (n == 0) {
                        throw new ConnectionLost("it closed the connection", 0);
                    } else if (n < 0 && n != -Errno.EAGAIN && n != -Errno.EINTR) {
                        throw new ConnectionLost("receive: " + Errno.describe(-n), 0);
                    }
                }
                if (worked) {
                    handleMessages();
                }
            }
            settle();
        } catch (Throwable t) {
            end(lost(t));
            worked = true;
        }
        return worked;
    }

    /** Whatever is thrown ends this session, not the loop: device code may be behind it. */
    ConnectionLost lost(Throwable thrown) {
        return thrown instanceof ConnectionLost lost ? lost : Requests.deviceFailed(thrown);
    }

    private void handleMessages() {
        long began = 0;
        for (int n = options.messagesPerTurn();
                n > 0 && input.hasMessage() && output.pending() < UNREAD_REPLIES;
                n--) {
            if (n < options.messagesPerTurn()) { // a single message needs no clock
                long now = System.nanoTime();
                if (began == 0) {
                    began = now;
                } else if (now - began > TURN_NANOS) {
                    break;
                }
            }
            if (!handleOne()) {
                break;
            }
        }
        // Here and not in the middle of another client's turn, or of the loop.
        MemoryFault.fence();
    }

    /** Returns false when the device is not ready for it: it is looked at again next turn. */
    private boolean handleOne() {
        header.wrap(input.buffer(), input.start());
        int framing = header.validate(maxMessage);
        if (framing == Header.TOO_SMALL || framing == Header.TOO_LARGE) {
            throw requests.refuse(header, "it sent a message of %d bytes".formatted(header.size()));
        }
        if (!requests.isReady(header)) {
            return false;
        }
        requests.handle(header);
        input.consume((int) header.size());
        requests.pumpDma();
        commit();
        return true;
    }

    /** Hot. What has been done stays done, also when this process dies. */
    private void commit() {
        if (keep != null) {
            keep.commit();
        }
    }

    /** Sends what there is, and decides what to wait for. */
    private void settle() {
        requests.pumpDma();
        boolean sent = output.flush(loop.buffers().sender);
        var other = twin;
        if (other != null) {
            other.settle();
        }
        input.takeOff(loop.buffers());
        boolean more = input.hasMessage();
        if ((more || input.wantsMore()) && sent && !queued) {
            queued = true;
            loop.again(this);
        }
        int wanted = sent ? (more ? 0 : readable()) : Epoll.OUT;
        if (wanted != interest) {
            interest = wanted;
            loop.modify(socket.fd(), wanted, token);
        }
        // A client that is not read from owes nothing.
        mark(sent && !more && (input.isPartial() || !requests.isNegotiated()));
    }

    private int readable() {
        return input.leavesBytes() ? Epoll.IN | Epoll.EDGE : Epoll.IN;
    }

    /** Hot. Notes whether the client owes the rest of something, and since when. */
    private void mark(boolean owes) {
        if (!owes) {
            owing = false;
        } else if (!owing || input.position() != owingAt) { // another message is another debt
            owing = true;
            owingAt = input.position();
            owingSince = System.nanoTime();
            if (!deadlineArmed) {
                deadlineArmed = true;
                deadline.arm(options.partialMessageTime().toNanos());
            }
        }
    }

    private void deadlinePassed() {
        // The rest may be there: the loop itself may have been late.
        if (open && owing && timeLeft() <= 0) {
            turn(true);
        }
        deadlineArmed = false;
        if (!open || !owing) {
            return;
        }
        long left = timeLeft();
        if (left > 0) {
            deadlineArmed = true;
            deadline.arm(left);
        } else {
            end(
                    new ConnectionLost(
                            "it did not finish %s within %d ms"
                                    .formatted(
                                            requests.isNegotiated()
                                                    ? "a message"
                                                    : "the negotiation",
                                            options.partialMessageTime().toMillis()),
                            0));
        }
    }

    private long timeLeft() {
        return owingSince + options.partialMessageTime().toNanos() - System.nanoTime();
    }

    /**
     * Runs what a device wants done outside of a request, then sends what came of it. If the device
     * fails, this session ends.
     */
    void run(Runnable task) {
        try {
            task.run();
            MemoryFault.fence();
        } catch (Throwable t) {
            end(lost(t));
            return;
        }
        afterwards();
    }

    /**
     * Hot. As {@link #run}, for what a device polls; returns whether it found work, after which
     * there may be something to send.
     */
    boolean poll(BooleanSupplier work) {
        boolean worked;
        try {
            worked = work.getAsBoolean();
            if (worked) {
                MemoryFault.fence();
            }
        } catch (Throwable t) {
            end(lost(t));
            return true;
        }
        if (worked || requests.owesDma()) {
            afterwards();
        } else {
            commit();
        }
        return worked;
    }

    /** Sends what something other than a message from the client has put into the output. */
    void afterwards() {
        if (!open) {
            return;
        }
        try {
            commit();
            settle();
        } catch (Throwable t) {
            end(lost(t));
        }
    }

    /** Takes a second socket for what the server sends. */
    void useTwin(UnixSocket ours) {
        if (keep != null) {
            keep.twin(ours);
        }
        twin = new TwinSocket(loop, this, ours, maxMessage, keep);
    }

    Output dmaOutput() {
        var other = twin;
        return other == null ? output : other.output();
    }

    Requests requests() {
        return requests;
    }

    boolean isOpen() {
        return open;
    }

    /** Lets go of it: another process goes on with the client. */
    void leave() {
        open = false;
        deadline.close();
        loop.removePolled(this);
        loop.unregister(socket.fd(), token);
        var other = twin;
        if (other != null) {
            other.close();
        }
        input.close();
        output.close();
        socket.close();
    }

    /** Ends it. Nothing that the device or the client has done can keep this from its end. */
    void end(ConnectionLost reason) {
        if (!open) {
            return;
        }
        open = false;
        deadline.close();
        try {
            // What was answered before is still the client's.
            output.flush(loop.buffers().sender);
        } catch (Throwable t) {
            // The client is gone, or a descriptor that the device lent is.
        }
        loop.removePolled(this);
        loop.unregister(socket.fd(), token);
        var other = twin;
        if (other != null) {
            other.close();
        }
        requests.close();
        input.close();
        output.close();
        if (keep != null) {
            keep.end();
        }
        socket.close();
        ended.accept(reason);
    }

    static void closeAll(Iterable<Fd> descriptors) {
        descriptors.forEach(Fd::close);
    }
}
