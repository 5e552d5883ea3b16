package dev.muser.server;

import dev.muser.device.EventLoop;
import dev.muser.device.VfioDevice;
import dev.muser.linux.Epoll;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFault;
import dev.muser.linux.UnixSocket;
import dev.muser.protocol.Header;
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
    private static final int UNREAD_REPLIES = 256 * 1024;

    private final Loop loop;
    private final ServerOptions options;
    private final UnixSocket socket;
    private final Input input;
    private final Output output;
    private final Header header = new Header();
    private final Requests requests;
    private final int maxMessage;
    private final Consumer<String> ended;
    private final EventLoop.Timer deadline;

    private int token;
    private int interest = Epoll.IN;
    private boolean open = true;
    private boolean handling;

    /** Since when, in nanoTime, a message is partial or the negotiation due; 0 for no. */
    private long partialSince;

    private boolean deadlineArmed;
    private @Nullable TwinSocket twin;

    /**
     * @param ended is told, once, why the session is over; the device is detached by then
     */
    Session(
            Loop loop,
            VfioDevice device,
            UnixSocket socket,
            ServerOptions options,
            Consumer<String> ended) {
        this.loop = loop;
        this.options = options;
        this.socket = socket;
        this.ended = ended;
        maxMessage = Requests.maxMessage(options);
        input = new Input(socket, maxMessage);
        output = new Output(socket);
        requests = new Requests(device, options, input, output, this);
        deadline = loop.timer(this::deadlinePassed);
    }

    void start() {
        token = loop.register(socket.fd(), interest, this);
        loop.addPolled(this);
        mark(true);
    }

    /** Hot. Called when the socket is ready, or when messages were left over. */
    @Override
    public void ready(int events) {
        if (open) {
            turn((events & (Epoll.IN | Epoll.HANG_UP | Epoll.ERROR)) != 0);
        }
    }

    @Override
    public boolean poll() {
        // Not worth a system call: there is no room for what it would bring.
        return open && interest == Epoll.IN && turn(true);
    }

    /** Whether there was anything to do. */
    private boolean turn(boolean receive) {
        boolean worked = !receive;
        try {
            if (output.flush(loop.buffers().sender)) {
                if (receive && !input.hasMessage()) {
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
        } catch (ConnectionLost e) {
            end(e);
            worked = true;
        }
        return worked;
    }

    private void handleMessages() {
        handling = true;
        try {
            for (int n = options.messagesPerTurn();
                    n > 0 && input.hasMessage() && output.pending() < UNREAD_REPLIES;
                    n--) {
                handleOne();
            }
        } finally {
            handling = false;
        }
    }

    private void handleOne() {
        header.wrap(input.buffer(), input.start());
        int framing = header.validate(maxMessage);
        if (framing == Header.TOO_SMALL || framing == Header.TOO_LARGE) {
            throw requests.refuse(header, "it sent a message of %d bytes".formatted(header.size()));
        }
        requests.handle(header);
        input.consume((int) header.size());
        requests.pumpDma();
    }

    /** Sends what there is, and decides what to wait for. */
    private void settle() {
        requests.pumpDma();
        boolean sent = output.flush(loop.buffers().sender);
        var other = twin;
        if (other != null) {
            other.settle();
        }
        boolean more = input.hasMessage();
        if (more && sent) {
            loop.again(this);
        }
        int wanted = sent ? (more ? 0 : Epoll.IN) : Epoll.OUT;
        if (wanted != interest) {
            interest = wanted;
            loop.modify(socket.fd(), wanted, token);
        }
        mark(!more && (input.isPartial() || !requests.isNegotiated()));
    }

    /** Hot. Notes whether the client owes the rest of something. */
    private void mark(boolean partial) {
        if (!partial) {
            partialSince = 0;
        } else if (partialSince == 0) {
            partialSince = System.nanoTime();
            if (!deadlineArmed) {
                deadlineArmed = true;
                deadline.arm(options.partialMessageTime().toNanos());
            }
        }
    }

    private void deadlinePassed() {
        deadlineArmed = false;
        if (!open || partialSince == 0) {
            return;
        }
        long left = partialSince + options.partialMessageTime().toNanos() - System.nanoTime();
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

    /**
     * Runs what a device wants done outside of a request, then sends what came of it. If the device
     * fails, this session ends.
     */
    void run(Runnable task) {
        try {
            task.run();
            MemoryFault.fence();
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError | InternalError e) {
            end(Requests.deviceFailed(e));
            return;
        }
        if (open && !handling) {
            afterwards();
        }
    }

    /** Sends what something other than a message from the client has put into the output. */
    void afterwards() {
        try {
            settle();
        } catch (ConnectionLost e) {
            end(e);
        }
    }

    /** Takes a second socket for what the server sends. */
    void useTwin(UnixSocket ours) {
        twin = new TwinSocket(loop, this, ours, maxMessage);
        twin.start();
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

    void end(ConnectionLost reason) {
        if (!open) {
            return;
        }
        open = false;
        deadline.close();
        try {
            // What was answered before is still the client's.
            output.flush(loop.buffers().sender);
        } catch (ConnectionLost e) {
            // it is gone
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
        socket.close();
        ended.accept(reason.getMessage());
    }

    static void closeAll(Iterable<Fd> descriptors) {
        descriptors.forEach(Fd::close);
    }
}
