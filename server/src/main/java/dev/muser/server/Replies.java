package dev.muser.server;

import dev.muser.linux.Fd;
import dev.muser.protocol.Header;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** Answers the command at hand, or keeps silent when the client wants no reply. */
final class Replies {
    private final Output output;
    private int id;
    private int command;
    private boolean wanted;

    Replies(Output output) {
        this.output = output;
    }

    /** Hot. From now on answers the command with this header. */
    void answer(Header header) {
        id = header.messageId();
        command = header.command();
        wanted = !header.noReply();
    }

    /** Hot. From now on answers nothing: what is at hand is no command. */
    void answerNothing() {
        wanted = false;
    }

    /** Hot. Makes room for {@code payload} bytes; returns where in {@link #memory} they go. */
    int room(int payload) {
        return output.reserve(Header.SIZE + payload) + Header.SIZE;
    }

    /** Hot. Returns where replies are written; ask again after each {@link #room}. */
    MemorySegment memory() {
        return output.buffer();
    }

    /** Hot. Sends the {@code payload} bytes that were written to what {@link #room} returned. */
    void send(int payload) {
        if (wanted) {
            output.commit(encode(payload));
        }
    }

    /** As {@link #send(int)}, with descriptors; those in {@code owned} are closed afterwards. */
    void send(int payload, List<Fd> lent, List<Fd> owned) {
        if (wanted) {
            output.commit(encode(payload), lent, owned);
        } else {
            owned.forEach(Fd::close);
        }
    }

    /** Hot. Says that it is done, and no more. */
    void done() {
        room(0);
        send(0);
    }

    /** Hot. */
    void error(int errno) {
        if (wanted) {
            int at = output.reserve(Header.SIZE);
            Header.encodeError(output.buffer(), at, id, command, errno);
            output.commit(Header.SIZE);
        }
    }

    private int encode(int payload) {
        int size = Header.SIZE + payload;
        Header.encodeReply(output.buffer(), output.reserve(size), id, command, size);
        return size;
    }
}
