package dev.muser.conform;

import static dev.muser.conform.Command.*;

import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.Pipe;
import dev.muser.linux.Poll;
import dev.muser.linux.SyscallException;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * One run of one case: what it asks and expects, and the record of it.
 *
 * <p>What a case expects is either required ({@link #check}, {@link #accepted}, {@link #refused}:
 * the case ends there) or recommended ({@link #prefer}: it goes on, and has a note).
 */
final class Trial implements AutoCloseable {
    /** What a case adds to a wait, to tell what else has come or not. */
    private static final Duration MOST_GRACE = Duration.ofSeconds(1);

    private final Connector connector;
    private final Device device;
    private final List<Event> events = new ArrayList<>();
    private final List<String> notes = new ArrayList<>();
    private final Deque<Runnable> cleanups = new ArrayDeque<>();
    private final Duration grace;
    private Wire wire;

    Trial(Wire wire, Connector connector, Device device) {
        this.wire = wire;
        this.connector = connector;
        this.device = device;
        var part = connector.timeout().dividedBy(4);
        grace = part.compareTo(MOST_GRACE) < 0 ? part : MOST_GRACE;
        wire.patience(connector.timeout());
    }

    Device device() {
        return device;
    }

    Wire wire() {
        return wire;
    }

    List<Event> events() {
        return events;
    }

    List<String> notes() {
        return notes;
    }

    // --- what is expected

    /** Ends the case as not for this device unless {@code offered}. */
    void need(boolean offered, String what) {
        if (!offered) {
            throw new NotOffered(what);
        }
    }

    /** Requires something. */
    void check(boolean holds, String expected, String got) {
        expect(expected);
        if (!holds) {
            throw failure("expected " + expected + ", got " + got);
        }
    }

    void equal(String what, long expected, long got) {
        check(
                expected == got,
                "%s %s".formatted(what, number(expected)),
                "%s %s".formatted(what, number(got)));
    }

    /** Recommends something. */
    void prefer(boolean holds, String expected, String got) {
        expect(expected);
        if (!holds) {
            var note = "expected " + expected + ", got " + got;
            notes.add(note);
            events.add(new Event(Event.Kind.NOTED, note, ""));
        }
    }

    private void expect(String expected) {
        events.add(new Event(Event.Kind.EXPECTED, expected, ""));
    }

    private Failed failure(String text) {
        events.add(new Event(Event.Kind.FAILED, text, ""));
        return new Failed(text);
    }

    private static String number(long value) {
        return value >= 0 && value < 1_000_000 ? Long.toString(value) : "0x%x".formatted(value);
    }

    // --- messages

    /** Sends a command; returns its id. */
    int send(int command, int flags, byte[] payload, Fd... fds) {
        int id = wire.nextId();
        sendRaw(Requests.message(id, command, flags, payload), fds);
        return id;
    }

    /** Sends bytes as they are. */
    void sendRaw(byte[] bytes, Fd... fds) {
        events.add(new Event(Event.Kind.SENT, Decoder.of(bytes, fds.length), Hex.of(bytes)));
        wire.send(bytes, List.of(fds));
    }

    /** Sends part of a message, and gives the server time to find no more than that. */
    void sendPiece(byte[] bytes) {
        sendRaw(bytes);
        wire.awaitReceived();
    }

    /** Receives the next message that is not a command of the server's; such are answered. */
    Message receive() {
        while (true) {
            var message = wire.receive();
            events.add(
                    new Event(
                            Event.Kind.GOT,
                            Decoder.of(message.bytes(), message.fds().size() + message.lateFds()),
                            Hex.of(message.bytes())));
            if ((message.flags() & 0xf) != 0) {
                return message;
            }
            if ((message.flags() & NO_REPLY) == 0) {
                sendRaw(
                        Bytes.of()
                                .u16(message.id())
                                .u16(message.command())
                                .u32(Message.HEADER)
                                .u32(REPLY | ERROR)
                                .u32(Errno.EINVAL)
                                .get());
            }
        }
    }

    /** Receives the reply to a command, and checks what is true of every reply. */
    Message reply(int id, int command) {
        Message reply;
        try {
            reply = receive();
        } catch (Lost e) {
            throw e.isClosed() ? e : diagnosis(e);
        }
        if (reply.id() != id || reply.command() != command) {
            throw failure(
                    "expected the reply to %s id %d, got one to %s id %d"
                            .formatted(name(command), id, name(reply.command()), reply.id()));
        }
        if (!reply.isReply()) {
            throw failure("expected type 1 (reply), got flags 0x%x".formatted(reply.flags()));
        }
        if (reply.lateFds() > 0) {
            throw failure(
                    "expected descriptors with the header's bytes, got %d behind them"
                            .formatted(reply.lateFds()));
        }
        if (reply.isError() && (reply.length() > 0 || !reply.fds().isEmpty())) {
            throw failure(
                    "expected an error reply to be a header alone, got %d bytes and %d descriptors"
                            .formatted(reply.length(), reply.fds().size()));
        }
        if ((reply.flags() & ~(REPLY | ERROR)) != 0) {
            prefer(false, "no other flags in a reply", "flags 0x%x".formatted(reply.flags()));
        }
        if (!reply.isError() && reply.errno() != 0) {
            prefer(false, "no errno in a success", "errno " + reply.errno());
        }
        return reply;
    }

    /** Tells a server that hangs from one that lost a message. */
    private Lost diagnosis(Lost silent) {
        try {
            wire.patience(grace);
            int id = send(GET_INFO, 0, Requests.info(16).get());
            if (wire.receive().id() == id) {
                return Lost.silent(
                        silent.getMessage() + ", though a later GET_INFO was answered: swallowed");
            }
            return Lost.silent(silent.getMessage() + ", and to a later GET_INFO the wrong one");
        } catch (Lost e) {
            return Lost.silent(silent.getMessage() + ", nor to a later GET_INFO: it hangs");
        }
    }

    /** Asks, and requires a reply, whichever. */
    Message answered(int command, Bytes payload, Fd... fds) {
        return reply(send(command, 0, payload.get(), fds), command);
    }

    /** Requires success. */
    Message accepted(int command, Bytes payload, Fd... fds) {
        int id = send(command, 0, payload.get(), fds);
        expect("success");
        return success(reply(id, command));
    }

    /** Requires success with a payload of exactly this length. */
    Message acceptedWith(int length, int command, Bytes payload, Fd... fds) {
        int id = send(command, 0, payload.get(), fds);
        expect("success with %d bytes of payload".formatted(length));
        var reply = success(reply(id, command));
        if (reply.length() != length) {
            throw failure("expected %d bytes of payload, got %d".formatted(length, reply.length()));
        }
        return reply;
    }

    private Message success(Message reply) {
        if (reply.isError()) {
            throw failure("expected success, got error " + Errno.describe(reply.errno()));
        }
        return reply;
    }

    /** Requires an error reply; the specification leaves its number open. */
    Message refused(int command, Bytes payload, Fd... fds) {
        int id = send(command, 0, payload.get(), fds);
        expect("an error reply");
        var reply = reply(id, command);
        if (!reply.isError()) {
            throw failure("expected an error reply, got success");
        }
        return reply;
    }

    /** Requires an error reply, and recommends this number. */
    void refusedAs(int errno, int command, Bytes payload, Fd... fds) {
        preferErrno(errno, refused(command, payload, fds));
    }

    /** Recommends this number in an error reply. */
    void preferErrno(int errno, Message reply) {
        prefer(
                reply.errno() == errno,
                Errno.name(errno),
                reply.errno() == 0 ? "no errno" : Errno.name(reply.errno()));
    }

    /** Requires that a command with {@code No_reply} gets none. */
    void unanswered(int command, Bytes payload, Fd... fds) {
        send(command, NO_REPLY, payload.get(), fds);
        expect("no reply to it, but to what follows");
        serves();
    }

    /** Requires that a query is answered, and so that nothing else was waiting to be read. */
    void serves() {
        accepted(GET_INFO, Requests.info(16));
    }

    /** Requires that bytes are answered by an error, or by the end of the connection. */
    void refusedOrClosed(byte[] bytes, Fd... fds) {
        expect("an error reply, or the end of the connection");
        try {
            sendRaw(bytes, fds);
            var reply = receive();
            if (!reply.isError()) {
                throw failure("expected an error reply or the end, got success");
            }
        } catch (Lost e) {
            if (!e.isClosed()) {
                throw e;
            }
            got("the end of the connection");
        }
    }

    /** Records something that came and is no message. */
    void got(String text) {
        events.add(new Event(Event.Kind.GOT, text, ""));
    }

    /** Asks for another of the case's connection, after this one was closed. */
    void connectAgain(boolean negotiate) {
        wire.close();
        events.add(new Event(Event.Kind.SENT, "the end of the connection, and a new one", ""));
        wire = connector.connect();
        wire.patience(connector.timeout());
        if (negotiate) {
            negotiate();
        }
    }

    /** Connects beside the case's connection, and says nothing. */
    Wire another() {
        return connector.connectNow();
    }

    /** Requires that the server agrees on what it is usually proposed; returns its reply. */
    Message negotiate() {
        return accepted(VERSION, Requests.version(0, 2, Requests.CAPABILITIES));
    }

    // --- things to send

    /** Registers what is to be undone at the end, the last first; failures are of no interest. */
    void finallyDo(Runnable cleanup) {
        cleanups.push(cleanup);
    }

    Fd memory(long size) {
        var fd = MemoryFile.create("conform", size);
        finallyDo(fd::close);
        return fd;
    }

    Fd eventFd() {
        var fd = EventFd.create();
        finallyDo(fd::close);
        return fd;
    }

    Pipe pipe() {
        var pipe = Pipe.create();
        finallyDo(pipe::close);
        return pipe;
    }

    /** Maps memory at an address, until the case ends. */
    Fd map(long address, long size) {
        var fd = memory(size);
        unmapAtEnd(address, size);
        acceptedWith(0, DMA_MAP, Requests.dmaMap(address, size), fd);
        return fd;
    }

    void unmapAtEnd(long address, long size) {
        finallyDo(() -> answered(DMA_UNMAP, Requests.dmaUnmap(address, size)));
    }

    /** Whether an eventfd is signalled before long. */
    boolean signalled(Fd fd) {
        return Poll.await(fd, Poll.IN, grace) && EventFd.take(fd) > 0;
    }

    /** Requires that the server has closed the end of a pipe that it got; ours is closed here. */
    boolean closedByServer(Pipe pipe) {
        pipe.sink().close();
        try (var arena = Arena.ofConfined()) {
            return Poll.await(pipe.source(), Poll.IN, grace)
                    && pipe.source().read(arena.allocate(8), 0, 8) == 0;
        }
    }

    /** Undoes what the case did, as far as the connection allows. */
    @Override
    public void close() {
        wire.patience(connector.timeout());
        while (!cleanups.isEmpty()) {
            try {
                cleanups.pop().run();
            } catch (Failed | Lost | SyscallException e) {
                // Whether the connection can still be used is asked afterwards.
                events.add(new Event(Event.Kind.GOT, "at the end: " + e.getMessage(), ""));
            }
        }
    }
}
