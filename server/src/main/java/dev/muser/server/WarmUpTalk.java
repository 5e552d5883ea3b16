package dev.muser.server;

import dev.muser.linux.Errno;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
import dev.muser.linux.UnixSocket;
import dev.muser.protocol.Capabilities;
import dev.muser.protocol.Command;
import dev.muser.protocol.Header;
import dev.muser.protocol.RegionAccess;
import dev.muser.protocol.VersionMessage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/** What a client says to a server that is to get warm: accesses to BAR0 and BAR1, in batches. */
final class WarmUpTalk implements AutoCloseable {
    private static final int BATCH = 64;
    private static final int ACCESS = Header.SIZE + RegionAccess.SIZE;

    private final UnixSocket client;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment out = arena.allocate(BATCH * (ACCESS + 8L));
    private final MemorySegment in = arena.allocate(64 * 1024);
    private final MessageSender sender = new MessageSender();
    private final MessageReceiver receiver = new MessageReceiver(4);

    /**
     * @param client stays the caller's
     */
    WarmUpTalk(UnixSocket client) {
        this.client = client;
    }

    /** Negotiates; false when the server has gone. */
    boolean begin() {
        return exchange(client, sender, receiver, out, version(out), in, 1);
    }

    /** Accesses the device for about so long; false when the server has gone. */
    boolean access(Duration time) {
        long deadline = System.nanoTime() + time.toNanos();
        int size = accesses(out);
        boolean alive = true;
        while (alive && deadline - System.nanoTime() > 0) {
            alive = exchange(client, sender, receiver, out, size, in, BATCH);
        }
        return alive;
    }

    private static int version(MemorySegment out) {
        int payload = VersionMessage.encode(out, Header.SIZE, 0, 0, Capabilities.DEFAULTS.encode());
        Header.encodeCommand(out, 0, 0, Command.VERSION, Header.SIZE + payload, false);
        return Header.SIZE + payload;
    }

    /** Reads and writes by turns, of a register and of memory; returns the length of all. */
    private static int accesses(MemorySegment out) {
        int at = 0;
        for (int i = 0; i < BATCH; i++) {
            boolean write = i % 2 == 1;
            int size = ACCESS + (write ? 4 : 0);
            Header.encodeCommand(
                    out, at, i, write ? Command.REGION_WRITE : Command.REGION_READ, size, false);
            RegionAccess.encode(out, at + Header.SIZE, 0, i / 2 % 2, 4);
            at += size;
        }
        return at;
    }

    /** Sends, then receives so many replies; false when the server has gone. */
    private static boolean exchange(
            UnixSocket client,
            MessageSender sender,
            MessageReceiver receiver,
            MemorySegment out,
            int length,
            MemorySegment in,
            int replies) {
        if (sender.send(client, out, 0, length, 0) != length) {
            return false;
        }
        var header = new Header();
        int end = 0;
        while (replies > 0) {
            int n = receiver.receive(client, in, end, (int) in.byteSize() - end, 0);
            if (n == -Errno.EINTR) {
                continue;
            }
            if (n <= 0) {
                return false;
            }
            end += n;
            int at = 0;
            while (end - at >= Header.SIZE && header.wrap(in, at).size() <= end - at) {
                at += (int) header.size();
                replies--;
            }
            MemorySegment.copy(in, at, in, 0, end - at);
            end -= at;
        }
        return true;
    }

    @Override
    public void close() {
        receiver.close();
        arena.close();
    }
}
