package dev.muser.server;

import dev.muser.device.state.StateArea;
import dev.muser.device.state.StateMismatchException;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * Which descriptors go with messages that have not been sent, for a successor to send them.
 *
 * <p>A ring of entries; those added count with the transaction, those sent at once.
 */
final class KeptAttachments {
    private static final int ENTRIES = 4096;
    private static final int ENTRY = 48;
    private static final int HEADER = 64;
    static final long AREA_SIZE = HEADER + (long) ENTRIES * ENTRY;

    // the area: entries added @0, gone @8; from @64 on each entry: position in the stream @0,
    // device @8, inode @16, event @24, mode and 256 if it is the message's own @32
    private static final int ADDED = 0;
    private static final int GONE = 8;
    private static final int OWN = 256;

    /** What was noted for one message. */
    private record Noted(long position, FdIdentity identity, boolean own) {}

    private final StateArea area;
    private final KeptDescriptors descriptors;
    private final ArrayDeque<Noted> waiting = new ArrayDeque<>();
    private final List<Fd> found = new ArrayList<>();

    KeptAttachments(StateArea area, KeptDescriptors descriptors) {
        this.area = area;
        this.descriptors = descriptors;
    }

    void add(long position, List<Fd> lent, List<Fd> owned) {
        for (var fd : lent) {
            boolean own = owned.contains(fd);
            var identity = own ? descriptors.hold(fd) : FdIdentity.of(fd);
            if (waiting.size() == ENTRIES) {
                throw new ConnectionLost("it takes none of its replies", Errno.ENOSPC);
            }
            long added = area.getLong(ADDED);
            long at = at(added);
            area.setLong(at, position);
            area.setLong(at + 8, identity.device());
            area.setLong(at + 16, identity.inode());
            area.setLong(at + 24, identity.event());
            area.setLong(at + 32, identity.mode() | (own ? OWN : 0));
            area.setLong(ADDED, added + 1);
            waiting.add(new Noted(position, identity, own));
        }
    }

    private static long at(long entry) {
        return HEADER + entry % ENTRIES * ENTRY;
    }

    /** Hot. Forgets the descriptors of messages that begin before {@code position}. */
    void sentUpTo(long position) {
        while (!waiting.isEmpty() && waiting.getFirst().position < position) {
            var gone = waiting.removeFirst();
            area.setLongNow(GONE, area.getLong(GONE) + 1);
            if (gone.own) {
                descriptors.drop(gone.identity);
            }
        }
    }

    /** Finds the descriptors that a process before this one has not sent. */
    List<Output.Attached> resume(long position) {
        long gone = area.getLong(GONE);
        long added = area.getLong(ADDED);
        if (gone < 0 || gone > added || added - gone > ENTRIES) {
            throw new StateMismatchException("the stored session's attachments are damaged");
        }
        var messages = new ArrayList<Output.Attached>();
        for (; gone < added; gone++) {
            long at = at(gone);
            long of = area.getLong(at);
            int flags = (int) area.getLong(at + 32);
            var identity =
                    new FdIdentity(
                            area.getLong(at + 8),
                            area.getLong(at + 16),
                            area.getLong(at + 24),
                            flags & (OWN - 1));
            boolean own = (flags & OWN) != 0;
            waiting.add(new Noted(of, identity, own));
            if (own) {
                descriptors.holdAgain(identity);
            }
            if (of >= position) {
                attach(messages, of, identity);
            }
        }
        sentUpTo(position);
        return messages;
    }

    private void attach(List<Output.Attached> messages, long position, FdIdentity identity) {
        var fd = descriptors.find(identity);
        if (fd == null) {
            throw new StateMismatchException(
                    "a descriptor that was to be sent to the client is not kept");
        }
        found.add(fd);
        if (messages.isEmpty() || messages.getLast().at() != position) {
            messages.add(new Output.Attached(position, new ArrayList<>(), List.of()));
        }
        messages.getLast().lent().add(fd);
    }

    /** Closes what this process found; others close what they lent. What is not sent is dropped. */
    void close() {
        waiting.stream().filter(Noted::own).map(Noted::identity).forEach(descriptors::drop);
        found.forEach(Fd::close);
    }
}
