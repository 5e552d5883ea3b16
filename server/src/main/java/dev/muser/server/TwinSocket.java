package dev.muser.server;

import dev.muser.linux.Epoll;
import dev.muser.linux.Errno;
import dev.muser.linux.MemoryFault;
import dev.muser.linux.UnixSocket;
import dev.muser.protocol.Header;
import org.jspecify.annotations.Nullable;

/** The second socket of a session: what the server asks of the client goes there and back. */
final class TwinSocket implements Source, AutoCloseable {
    private final Loop loop;
    private final Session session;
    private final UnixSocket socket;
    private final Input input;
    private final Output output;
    private final Header header = new Header();
    private final int maxMessage;
    private final int token;
    private int interest = Epoll.IN;

    TwinSocket(Loop loop, Session session, UnixSocket socket, int maxMessage, @Nullable Keep keep) {
        this.loop = loop;
        this.session = session;
        this.socket = socket;
        this.maxMessage = maxMessage;
        try {
            token = loop.register(socket.fd(), interest, this);
        } catch (RuntimeException e) {
            socket.close();
            throw e;
        }
        input = keep == null ? new Input(socket, maxMessage) : keep.input(socket, maxMessage, true);
        output = keep == null ? new Output(socket) : keep.output(socket, true);
    }

    Output output() {
        return output;
    }

    @Override
    public void ready(int events) {
        if (!session.isOpen()) {
            return;
        }
        try {
            if ((events & (Epoll.IN | Epoll.HANG_UP | Epoll.ERROR)) != 0) {
                receive();
            }
            MemoryFault.fence();
        } catch (Throwable t) {
            session.end(session.lost(t));
            return;
        }
        session.afterwards();
    }

    private void receive() {
        int n = input.fill(loop.buffers().receiver);
        if (n == 0) {
            throw new ConnectionLost("it closed its twin socket", 0);
        } else if (n < 0 && n != -Errno.EAGAIN && n != -Errno.EINTR) {
            throw new ConnectionLost("receive on the twin socket: " + Errno.describe(-n), 0);
        }
        while (input.hasMessage() && session.isOpen()) {
            header.wrap(input.buffer(), input.start());
            if (header.validate(maxMessage) != Header.OK || !header.isReply()) {
                throw new ConnectionLost("it sent no reply on the twin socket", 0);
            }
            Session.closeAll(input.takeDescriptors());
            session.requests().dmaReply(header, input);
            input.consume((int) header.size());
        }
    }

    void settle() {
        boolean sent = output.flush(loop.buffers().sender);
        input.takeOff(loop.buffers());
        int wanted = Epoll.IN | (sent ? 0 : Epoll.OUT) | (input.leavesBytes() ? Epoll.EDGE : 0);
        if (wanted != interest || input.wantsMore()) { // each change has epoll look again
            interest = wanted;
            loop.modify(socket.fd(), wanted, token);
        }
    }

    @Override
    public void close() {
        loop.unregister(socket.fd(), token);
        input.close();
        output.close();
        socket.close();
    }
}
