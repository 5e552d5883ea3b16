package dev.muser.devices.nvme;

import dev.muser.device.pci.GuestMemory;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The commands of a controller: made when they are first needed, then used again and again. */
final class CommandPool {
    /** As many can be under way at a time; more stay in their queues. */
    static final int MOST = InFlight.SLOTS;

    private final Processor processor;
    private final GuestMemory memory;
    private final List<Command> all = new ArrayList<>();
    private Command[] free = new Command[64];
    private int freeCount;

    CommandPool(Processor processor, GuestMemory memory) {
        this.processor = processor;
        this.memory = memory;
    }

    /** Hot. How many can be taken. */
    int available() {
        return MOST - all.size() + freeCount;
    }

    /** Hot. There is one available. */
    Command take() {
        if (freeCount == 0) {
            var made = new Command(processor, memory.scatterList());
            all.add(made);
            return made;
        }
        return free[--freeCount];
    }

    /** Hot. */
    void give(Command command) {
        command.queue = null;
        command.namespace = null;
        command.buffer = null;
        command.second = null;
        command.first = null;
        if (freeCount == free.length) {
            var more = new Command[2 * freeCount];
            System.arraycopy(free, 0, more, 0, freeCount);
            free = more;
        }
        free[freeCount++] = command;
    }

    /** Cancels all that are in use. */
    void cancelAll() {
        for (int i = 0; i < all.size(); i++) {
            var command = all.get(i);
            if (command.queue != null && !command.cancelled) {
                command.cancel();
            }
        }
    }

    /** How many are in use. */
    int inUse() {
        return all.size() - freeCount;
    }

    /** Whether any that is in use, but for one, is about the namespace. */
    boolean concern(Namespace namespace, @Nullable Command except) {
        for (int i = 0; i < all.size(); i++) {
            var command = all.get(i);
            if (command.namespace == namespace && command != except && command.queue != null) {
                return true;
            }
        }
        return false;
    }

    /** Adds those in use, but for one, that are about the namespace. */
    void collect(Namespace namespace, @Nullable Command except, List<Command> into) {
        for (int i = 0; i < all.size(); i++) {
            var command = all.get(i);
            if (command.namespace == namespace && command != except && command.queue != null) {
                into.add(command);
            }
        }
    }

    /** Whether a storage engine may touch such memory of the driver. */
    boolean uses(long iova, long size) {
        for (int i = 0; i < all.size(); i++) {
            var command = all.get(i);
            if (command.isAway() && command.buffer == null && command.data.overlaps(iova, size)) {
                return true;
            }
        }
        return false;
    }
}
