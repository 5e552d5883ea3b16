package dev.muser.client;

import dev.muser.device.DmaCompletion;
import dev.muser.device.DmaPort;
import dev.muser.linux.Errno;
import dev.muser.protocol.Command;
import dev.muser.protocol.DmaAccess;
import dev.muser.protocol.Header;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * Answers what a server asks for: DMA_READ and DMA_WRITE, by way of a {@link DmaPort}. The port may
 * finish at once or later; the answer goes out when it does.
 */
final class DmaRequests {
    /** Requests that the port has not finished; a server with more is told EBUSY. */
    private static final int MAX_OPEN = 64;

    private static final int IDLE_KEPT = 4;

    private final Connection connection;
    private final int maxCount;
    private final DmaAccess access = new DmaAccess();
    private final ArrayDeque<Request> idle = new ArrayDeque<>();
    private final MemorySegment refusal = Arena.ofAuto().allocate(Header.SIZE, 8);
    private int open;
    private @Nullable DmaPort port;

    /** What the port threw; kept until the call that is under way has its reply. */
    private @Nullable RuntimeException failure;

    DmaRequests(Connection connection, int maxCount) {
        this.connection = connection;
        this.maxCount = maxCount;
    }

    void port(@Nullable DmaPort port) {
        this.port = port;
    }

    boolean hasFailure() {
        return failure != null;
    }

    /** Throws what the port has thrown, if it has. */
    void throwFailure() {
        var thrown = failure;
        if (thrown != null) {
            failure = null;
            throw thrown;
        }
    }

    /** Handles the command that was taken from {@code stream}; its payload is at {@code at}. */
    void handle(MessageStream stream, int at) {
        stream.dropDescriptors();
        var header = stream.header();
        access.wrap(stream.buffer(), at, header.payloadLength());
        int errno =
                switch (header.command()) {
                    case Command.DMA_READ -> access.validateReadRequest(maxCount);
                    case Command.DMA_WRITE -> access.validateWriteRequest(maxCount);
                    default -> Errno.EOPNOTSUPP;
                };
        if (errno == 0 && port == null) {
            errno = Errno.EFAULT;
        }
        if (errno == 0 && open == MAX_OPEN) {
            errno = Errno.EBUSY;
        }
        if (errno != 0 || port == null) {
            if (!header.noReply()) {
                Header.encodeError(refusal, 0, header.messageId(), header.command(), errno);
                connection.sendReply(stream, refusal, Header.SIZE);
            }
            return;
        }
        var request = idle.isEmpty() ? new Request() : idle.removeLast();
        open++;
        request.start(stream, header, port);
    }

    private final class Request implements DmaCompletion {
        private static final int DATA = Header.SIZE + DmaAccess.DATA;

        private MemorySegment memory = Arena.ofAuto().allocate(4096, 8);
        private @Nullable MessageStream stream;
        private int id;
        private int command;
        private boolean wantsReply;
        private long address;
        private int count;

        void start(MessageStream from, Header header, DmaPort port) {
            stream = from;
            id = header.messageId();
            command = header.command();
            wantsReply = !header.noReply();
            address = access.address();
            count = access.count();
            if (memory.byteSize() < DATA + (long) count) {
                memory = Arena.ofAuto().allocate(DATA + (long) count, 8);
            }
            if (count == 0) {
                done(0);
                return;
            }
            var data = memory.asSlice(DATA, count);
            try {
                if (command == Command.DMA_READ) {
                    port.read(address, data, this);
                } else {
                    // A copy, because the port may finish after the next receive.
                    MemorySegment.copy(from.buffer(), access.dataOffset(), data, 0, count);
                    port.write(address, data, this);
                }
            } catch (DisconnectedException e) {
                throw e;
            } catch (RuntimeException e) {
                failure = e;
                if (stream != null) {
                    done(Errno.EIO);
                }
            }
        }

        @Override
        public void done(int errno) {
            var to = stream;
            if (to == null) {
                throw new IllegalStateException("transfer completed twice");
            }
            stream = null;
            open--;
            if (wantsReply) {
                connection.sendReply(to, memory, encode(errno));
            }
            if (idle.size() < IDLE_KEPT) {
                idle.addLast(this);
            }
        }

        private int encode(int errno) {
            if (errno != 0) {
                Header.encodeError(memory, 0, id, command, errno);
                return Header.SIZE;
            }
            int size = DATA + (command == Command.DMA_READ ? count : 0);
            Header.encodeReply(memory, 0, id, command, size);
            DmaAccess.encode(memory, Header.SIZE, address, count);
            return size;
        }
    }
}
