package dev.muser.devices.timer;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.muser.device.DmaCompletion;
import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.GuestMemory;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;
import dev.muser.linux.Errno;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * The DMA of a timer that has expired: 1024 bytes each of 'A', 'B', 'C' and 'D', to one region
 * through its mapping, and to another one by four messages; then what was written is read again and
 * compared, by four messages too. Each message waits for the one before. A client that takes less
 * than 1024 bytes in a message (max_data_xfer_size) gets as many more of them as that needs, and
 * one that has agreed to a twin socket gets them there.
 *
 * <p>Which message is next is in the device's state. A process that takes over sends again the one
 * that was under way.
 */
final class Transfers {
    private static final int PARTS = 4;
    private static final int PART = 1024;
    private static final int LENGTH = PARTS * PART;

    private final GuestMemory memory;
    private final Runnable over;

    /** 0, or the number of the message that is under way: 1 to 4 write, 5 to 8 read. */
    private final StateField step;

    private final StateField iova;

    private final Consumer<String> complaints;
    private boolean complained;

    private final MemorySegment pattern = Arena.ofAuto().allocate(LENGTH, 8);
    private final MemorySegment incoming = Arena.ofAuto().allocate(LENGTH, 8);

    /** Counts what makes the completion of a message meaningless. Not state: it dies with them. */
    private int generation;

    private boolean waiting;
    private boolean paused;

    /**
     * @param over runs when all messages are answered, or one has failed
     * @param complaints is told what went wrong first, and no more
     */
    Transfers(GuestMemory memory, DeviceState state, Runnable over, Consumer<String> complaints) {
        this.memory = memory;
        this.over = over;
        this.complaints = complaints;
        step = state.field("timer.message", Width.U8);
        iova = state.field("timer.message.iova", Width.U64);
        for (int i = 0; i < PARTS; i++) {
            pattern.asSlice((long) i * PART, PART).fill((byte) ('A' + i));
        }
    }

    boolean isBusy() {
        return step.get() != 0;
    }

    /** Fills memory that the client shares, and looks at it. */
    void fill(long at) {
        int errno = 0;
        for (int i = 0; i < PARTS && errno == 0; i++) {
            long position = (long) i * PART;
            errno = memory.writeNow(at + position, pattern, position, PART);
        }
        if (errno == 0) {
            errno = memory.readNow(at, incoming, 0, LENGTH);
        }
        if (errno != 0) {
            complain("DMA to the shared memory at 0x%x: %s".formatted(at, Errno.describe(errno)));
        } else {
            compare(at, 0, LENGTH);
        }
    }

    private void compare(long at, long position, long length) {
        long end = position + length;
        long wrong = MemorySegment.mismatch(incoming, position, end, pattern, position, end);
        if (wrong >= 0) {
            complain(
                    "0x%x was written to 0x%x and 0x%x is read there"
                            .formatted(
                                    pattern.get(JAVA_BYTE, position + wrong),
                                    at + position + wrong,
                                    incoming.get(JAVA_BYTE, position + wrong)));
        }
    }

    private void complain(String what) {
        if (!complained) {
            complained = true;
            complaints.accept(what);
        }
    }

    /** Begins with the first message. */
    void begin(long at) {
        iova.set(at);
        step.set(1);
        send();
    }

    /** Sends the message that is next, unless it has been sent. */
    private void send() {
        if (step.get() == 0 || waiting || paused) {
            return;
        }
        int message = (int) step.get() - 1;
        boolean read = message >= PARTS;
        long position = (long) (message % PARTS) * PART;
        int then = generation;
        DmaCompletion answered =
                errno -> {
                    if (then == generation) {
                        answered(errno, read ? position : -1);
                    }
                };
        waiting = true;
        if (read) {
            memory.readByMessage(iova.get() + position, incoming.asSlice(position, PART), answered);
        } else {
            memory.writeByMessage(iova.get() + position, pattern.asSlice(position, PART), answered);
        }
    }

    /**
     * @param compared what has been read, or a negative number
     */
    private void answered(int errno, long compared) {
        waiting = false;
        if (errno != 0) {
            complain("DMA by message at 0x%x: %s".formatted(iova.get(), Errno.describe(errno)));
        } else if (compared >= 0) {
            compare(iova.get(), compared, PART);
        }
        if (errno != 0 || step.get() == 2 * PARTS) {
            step.set(0);
            over.run();
        } else {
            step.set(step.get() + 1);
            send();
        }
    }

    /** Sends nothing more for now. */
    void pause() {
        paused = true;
    }

    /** Goes on where it was. */
    void resume() {
        paused = false;
        send();
    }

    /** Ends it; what is under way is ignored. */
    void cancel() {
        generation++;
        waiting = false;
        paused = false;
        step.set(0);
    }
}
