package dev.muser.client.nvme;

import dev.muser.client.DmaMemory;
import dev.muser.client.DmaSpace;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/** The admin queue: one command at a time, and the Asynchronous Event Requests beside it. */
public final class AdminQueue implements CompletionHandler, AutoCloseable {
    private static final int ENTRIES = 256;

    /** Command identifiers of event requests begin here; those of others are below. */
    private static final int EVENTS = 0x8000;

    private final QueuePair pair;
    private final ControllerRegisters registers;
    private final Patience patience;
    private final Completion result = new Completion();
    private final ArrayDeque<Completion> events = new ArrayDeque<>();
    private @Nullable SubmissionEntry prepared;
    private int nextId;
    private int awaited;
    private boolean done;

    AdminQueue(
            Doorbells doorbells,
            ControllerRegisters registers,
            DmaSpace dma,
            DmaMemory kind,
            Patience patience) {
        this.registers = registers;
        this.patience = patience;
        int entries = Math.min(ENTRIES, registers.maxQueueEntries());
        pair = new QueuePair(doorbells, 0, entries, dma, kind);
    }

    /** Returns the queues, for what this class does not do. */
    public QueuePair pair() {
        return pair;
    }

    /** Returns a cleared entry with opcode and a command identifier, to be {@link #execute}d. */
    public SubmissionEntry command(int opcode) {
        nextId = (nextId + 1) & (EVENTS - 1);
        var entry = pair.next().opcode(opcode).cid(nextId);
        prepared = entry;
        return entry;
    }

    /**
     * Sends what {@link #command} gave, and waits for its completion.
     *
     * @return the completion, good until the next command
     * @throws NvmeException when the controller completes it with an error
     * @throws IllegalStateException when it does not complete it in time
     */
    public Completion execute() {
        int opcode = prepared == null ? 0 : prepared.opcode();
        var completion = tryExecute();
        if (!completion.isSuccess()) {
            throw new NvmeException(AdminOpcode.name(opcode), opcode, completion);
        }
        return completion;
    }

    /** As {@link #execute}, also for commands that the controller refuses. */
    public Completion tryExecute() {
        var entry = prepared;
        if (entry == null) {
            throw new IllegalStateException("no admin command was prepared");
        }
        int opcode = entry.opcode();
        prepared = null;
        awaited = entry.cid();
        done = false;
        pair.submit();
        patience.begin();
        while (!done) {
            if (pair.poll(this, ENTRIES) == 0 && !patience.pause()) {
                throw new IllegalStateException(
                        "no completion of %s in time, controller status 0x%x"
                                .formatted(AdminOpcode.name(opcode), registers.csts()));
            }
        }
        return result;
    }

    @Override
    public void completed(Completion completion) {
        int id = completion.commandId();
        if (!done && id == awaited) {
            result.copy(completion);
            done = true;
        } else if (id >= EVENTS && events.size() < ENTRIES) {
            var event = new Completion();
            event.copy(completion);
            events.add(event);
        }
        // else it comes for a command that nobody waits for any longer
    }

    /** Leaves {@code count} Asynchronous Event Requests with the controller. */
    void armEvents(int count) {
        for (int i = 0; i < count; i++) {
            requestEvent(EVENTS + i);
        }
        if (count > 0) {
            pair.submit();
        }
    }

    /** Returns the next event, whose request is sent again; null when there is none. */
    @Nullable AsyncEvent takeEvent() {
        patience.serve();
        pair.poll(this, ENTRIES);
        var completion = events.poll();
        while (completion != null && !completion.isSuccess()) {
            completion = events.poll(); // aborted, or more than the controller takes
        }
        if (completion == null) {
            return null;
        }
        requestEvent(completion.commandId());
        pair.submit();
        return AsyncEvent.of(completion.dw0());
    }

    /** Begins anew, with a controller that was reset. */
    void reset() {
        pair.reset();
        events.clear();
        prepared = null;
    }

    @Override
    public void close() {
        pair.close();
    }

    private void requestEvent(int id) {
        pair.next().opcode(AdminOpcode.ASYNC_EVENT_REQUEST).cid(id);
    }
}
