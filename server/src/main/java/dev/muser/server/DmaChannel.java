package dev.muser.server;

import dev.muser.device.DmaCompletion;
import dev.muser.device.DmaPort;
import dev.muser.linux.Errno;
import dev.muser.protocol.Command;
import dev.muser.protocol.DmaAccess;
import dev.muser.protocol.Header;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * A client's memory by message: {@code DMA_READ} and {@code DMA_WRITE}, cut into pieces, a few of
 * them under way at a time, in the order in which the device asked.
 *
 * <p>What a device asks for while a request is handled goes out after the reply to that request
 * ({@link #pump}): QEMU answers none before.
 */
final class DmaChannel implements DmaPort {
    /**
     * A reply to DMA_READ must leave QEMU whole or not at all, since QEMU truncates one of which
     * its socket takes a part. Linux does so with what fits one buffer of its queue, up to 36,544
     * bytes (unix_stream_sendmsg: SKB_MAX_HEAD and 32 KiB), however full the queue is.
     */
    private static final int PIECE = 32 * 1024;

    private static final int IN_FLIGHT = 8;

    /** What it puts into an output at once, in bytes, at most. */
    static final int MOST_UNSENT = IN_FLIGHT * (Header.SIZE + DmaAccess.SIZE + PIECE);

    /**
     * A guest that has transfers started, and a client that answers none, keep no more than these.
     */
    private static final int MAX_WAITING = 32 * 1024;

    /** What the device asked for. */
    private static final class Transfer {
        final boolean isRead;
        final long iova;
        final MemorySegment memory;
        final DmaCompletion completion;
        long sent;
        long done;
        int errno;
        boolean over;

        Transfer(boolean isRead, long iova, MemorySegment memory, DmaCompletion completion) {
            this.isRead = isRead;
            this.iova = iova;
            this.memory = memory;
            this.completion = completion;
        }

        boolean isSent() {
            return sent == memory.byteSize() || errno != 0;
        }

        void end(int result) {
            if (!over) {
                over = true;
                completion.done(result);
            }
        }
    }

    /** A message under way: {@code count} bytes at {@code at} of the transfer. */
    private record Piece(int id, Transfer transfer, long at, int count) {}

    private final Output output;
    private final int pieceSize;
    private final DmaAccess reply = new DmaAccess();
    private final ArrayDeque<Transfer> waiting = new ArrayDeque<>();
    private final ArrayDeque<Piece> underWay = new ArrayDeque<>();
    private final @Nullable KeptDmaIds kept;
    private int nextId = 1;
    private boolean closed;

    /**
     * @param output where requests go: the client's socket, or its twin
     * @param maxTransfer what was agreed, in bytes
     * @param kept notes what is under way for a successor; null when there will be none
     */
    DmaChannel(Output output, int maxTransfer, @Nullable KeptDmaIds kept) {
        this.kept = kept;
        this.output = output;
        this.pieceSize = Math.min(maxTransfer, PIECE);
    }

    @Override
    public void read(long iova, MemorySegment into, DmaCompletion completion) {
        submit(new Transfer(true, iova, into, completion));
    }

    @Override
    public void write(long iova, MemorySegment from, DmaCompletion completion) {
        submit(new Transfer(false, iova, from, completion));
    }

    private void submit(Transfer transfer) {
        if (closed) {
            transfer.completion.done(Errno.ECONNRESET);
        } else if (transfer.memory.byteSize() == 0) {
            transfer.completion.done(0);
        } else if (waiting.size() == MAX_WAITING) {
            transfer.completion.done(Errno.EBUSY);
        } else {
            waiting.add(transfer);
        }
    }

    /** Hot. Whether nothing is to be sent and no reply is awaited. */
    boolean isIdle() {
        return waiting.isEmpty() && underWay.isEmpty();
    }

    /** Hot. Whether there is something that has not been put into the output. */
    boolean hasWaiting() {
        return !waiting.isEmpty();
    }

    /** Hot. Puts requests into the output, as many as may be under way. */
    void pump() {
        while (underWay.size() < IN_FLIGHT && (kept == null || kept.hasRoom())) {
            var transfer = waiting.peek();
            if (transfer == null) {
                return;
            }
            if (!transfer.isSent()) { // one that has failed may be here still
                sendPiece(transfer);
            }
            if (transfer.isSent()) {
                waiting.remove();
            }
        }
    }

    private void sendPiece(Transfer transfer) {
        int count = (int) Math.min(pieceSize, transfer.memory.byteSize() - transfer.sent);
        int size = Header.SIZE + DmaAccess.SIZE + (transfer.isRead ? 0 : count);
        int at = output.reserve(size);
        int command = transfer.isRead ? Command.DMA_READ : Command.DMA_WRITE;
        var buffer = output.buffer();
        int id = takeId();
        Header.encodeCommand(buffer, at, id, command, size, false);
        DmaAccess.encode(buffer, at + Header.SIZE, transfer.iova + transfer.sent, count);
        if (!transfer.isRead) {
            MemorySegment.copy(
                    transfer.memory,
                    transfer.sent,
                    buffer,
                    at + (long) Header.SIZE + DmaAccess.DATA,
                    count);
        }
        output.commit(size);
        underWay.add(new Piece(id, transfer, transfer.sent, count));
        transfer.sent += count;
    }

    private int takeId() {
        if (kept != null) {
            return kept.take();
        }
        int id = nextId;
        nextId = (nextId + 1) & 0xffff;
        return id;
    }

    /**
     * Takes a reply from the client.
     *
     * @return whether it answers something that was asked
     * @throws ConnectionLost when it answers with nonsense
     */
    boolean reply(Header header, MemorySegment buffer, long payload, int length) {
        var piece = find(header.messageId());
        if (kept != null && kept.answered(header.messageId()) && piece == null) {
            return true; // to a process before this one; the device has asked again since
        }
        if (piece == null
                || header.command()
                        != (piece.transfer.isRead ? Command.DMA_READ : Command.DMA_WRITE)) {
            return false;
        }
        underWay.remove(piece);
        var transfer = piece.transfer;
        if (header.isError()) {
            transfer.errno = transfer.errno == 0 ? header.errno() : transfer.errno;
        } else {
            take(piece, buffer, payload, length);
        }
        transfer.done += piece.count;
        if (transfer.done == transfer.sent && transfer.isSent()) {
            if (waiting.peek() == transfer) { // an error ended it before all of it was asked for
                waiting.remove();
            }
            transfer.end(transfer.errno);
        }
        return true;
    }

    private void take(Piece piece, MemorySegment buffer, long payload, int length) {
        var transfer = piece.transfer;
        reply.wrap(buffer, payload, length);
        long address = transfer.iova + piece.at;
        int errno =
                transfer.isRead
                        ? reply.validateReadReply(address, piece.count)
                        : reply.validateWriteReply(address, piece.count);
        if (errno != 0) {
            transfer.errno = Errno.EIO;
        } else if (transfer.isRead) {
            MemorySegment.copy(buffer, reply.dataOffset(), transfer.memory, piece.at, piece.count);
        }
    }

    private @Nullable Piece find(int id) {
        for (var piece : underWay) {
            if (piece.id == id) {
                return piece;
            }
        }
        return null;
    }

    @Override
    public void cancel() {
        // only those of now: a completion may ask for more
        for (int n = waiting.size(); n > 0; n--) {
            var transfer = waiting.remove();
            transfer.errno = transfer.errno == 0 ? Errno.ECANCELED : transfer.errno;
            if (transfer.done == transfer.sent) { // else when the rest of it is answered
                transfer.end(transfer.errno);
            }
        }
    }

    /** The client is gone: ends everything with ECONNRESET, in the order of the calls. */
    void close() {
        closed = true;
        Throwable failure = null;
        while (!isIdle()) {
            var transfer = underWay.isEmpty() ? waiting.remove() : underWay.remove().transfer;
            try {
                transfer.end(Errno.ECONNRESET);
            } catch (Throwable t) {
                failure = t; // the others are told all the same
            }
        }
        if (failure != null) {
            throw new IllegalStateException("a completion failed", failure);
        }
    }
}
