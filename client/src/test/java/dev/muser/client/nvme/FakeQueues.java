package dev.muser.client.nvme;

import static dev.muser.client.nvme.LittleEndian.SHARED_U32;
import static dev.muser.client.nvme.LittleEndian.U16;
import static dev.muser.client.nvme.LittleEndian.U32;
import static dev.muser.client.nvme.LittleEndian.U64;
import static dev.muser.client.nvme.LittleEndian.U8;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The queues of a {@link FakeController}, and what its commands do: a disk of 4096 blocks. */
final class FakeQueues {
    static final int BLOCKS = 4096;
    static final int BLOCK = 512;
    static final int MAX_QUEUES = 8;

    final MemorySegment doorbells;
    final MemorySegment disk = Arena.ofAuto().allocate((long) BLOCKS * BLOCK, 8);
    final MemorySegment identity = Arena.ofAuto().allocate(4096, 8);
    final Map<Integer, Integer> features = new HashMap<>();
    final ArrayDeque<Integer> eventRequests = new ArrayDeque<>();

    /** Completes all reads and writes at once, for the driver's own cost. */
    boolean echo;

    int blockShift = 9;

    /** What all I/O commands complete with. */
    int ioStatus;

    /** Whether it asks for a doorbell register write when the driver goes on. */
    boolean asksForEvents = true;

    private final FakeController controller;
    private final @Nullable Queue[] submissions = new Queue[MAX_QUEUES + 1];
    private final @Nullable Queue[] completions = new Queue[MAX_QUEUES + 1];
    private FakeMemory.@Nullable Place shadow;
    private FakeMemory.@Nullable Place events;
    private int result;

    static final class Queue {
        final MemorySegment memory;
        final long base;
        final int entries;

        /** A submission queue's completion queue, or a completion queue's vector. */
        final int other;

        int at;
        int phase = 1 << 16;

        Queue(FakeMemory.Place place, int entries, int other) {
            memory = place.memory();
            base = place.offset();
            this.entries = entries;
            this.other = other;
        }

        void step() {
            if (++at == entries) {
                at = 0;
                phase ^= 1 << 16;
            }
        }
    }

    FakeQueues(FakeController controller, MemorySegment doorbells) {
        this.controller = controller;
        this.doorbells = doorbells;
        text(4, "S1", 20);
        text(24, "Fake disk", 40);
        text(64, "1.0", 8);
        identity.set(U8, 77, (byte) 8); // 1 MiB
        identity.set(U16, 256, (short) (1 << 8)); // doorbell buffer config
        identity.set(U8, 259, (byte) 3);
        identity.set(U32, 516, 1);
        identity.set(U16, 520, (short) 0xff);
        identity.set(U32, 536, 1);
        text(768, "nqn.2026-01.example:fake", 256);
    }

    private void text(long at, String text, int size) {
        for (int i = 0; i < size; i++) {
            identity.set(U8, at + i, (byte) (i < text.length() ? text.charAt(i) : ' '));
        }
    }

    void enable() {
        int aqa = controller.registers.get(U32, 0x24);
        long asq = controller.registers.get(U64, 0x28);
        long acq = controller.registers.get(U64, 0x30);
        disable();
        submissions[0] = new Queue(controller.memory.find(asq), (aqa & 0xfff) + 1, 0);
        completions[0] = new Queue(controller.memory.find(acq), (aqa >>> 16) + 1, 0);
    }

    void disable() {
        Arrays.fill(submissions, null);
        Arrays.fill(completions, null);
        eventRequests.clear();
        shadow = null;
        doorbells.fill((byte) 0);
    }

    int queueCount() {
        return (int) Arrays.stream(submissions).filter(q -> q != null).count();
    }

    void raise(int dw0) {
        Integer id = eventRequests.poll();
        var queue = completions[0];
        if (id != null && queue != null) {
            post(queue, dw0, 0, 0, id, 0);
        }
    }

    /** Does what doorbells say; returns whether there was something. */
    boolean run() {
        boolean worked = false;
        for (int id = 0; id <= MAX_QUEUES; id++) {
            var queue = submissions[id];
            if (queue != null) {
                worked |= run(id, queue);
            }
        }
        return worked;
    }

    private int doorbell(int id, int completion) {
        long at = 4L * (2 * id + completion);
        return shadow == null || id == 0
                ? (int) SHARED_U32.getAcquire(doorbells, at)
                : (int) SHARED_U32.getAcquire(shadow.memory(), shadow.offset() + at);
    }

    private boolean run(int id, Queue queue) {
        int tail = doorbell(id, 0);
        if (queue.at == tail) {
            return false;
        }
        var completion = completions[queue.other];
        if (completion == null) {
            throw new AssertionError("a queue without completion queue");
        }
        int head = doorbell(queue.other, 1);
        while (queue.at != tail) {
            int next = completion.at + 1 == completion.entries ? 0 : completion.at + 1;
            if (next == head) {
                break;
            }
            long slot = queue.base + 64L * queue.at;
            queue.step();
            result = 0;
            int cid = Short.toUnsignedInt(queue.memory.get(U16, slot + 2));
            int status = id == 0 ? admin(queue, slot, cid) : io(queue, slot);
            if (status >= 0) {
                post(completion, result, queue.at, id, cid, status);
            }
        }
        if (events != null && shadow != null && id > 0 && asksForEvents) {
            SHARED_U32.setRelease(events.memory(), events.offset() + 8L * id, queue.at);
        }
        if (!echo) {
            controller.interrupt(completion.other);
        }
        return true;
    }

    /** Posts an entry that says what a test wants, right or wrong. */
    void complete(int completionQueue, int submissionQueue, int head, int cid) {
        var queue = completions[completionQueue];
        if (queue != null) {
            post(queue, 0, head, submissionQueue, cid, 0);
        }
    }

    void post(Queue queue, int dw0, int head, int id, int cid, int status) {
        long at = queue.base + 16L * queue.at;
        queue.memory.set(U64, at, dw0);
        queue.memory.set(U32, at + 8, (id << 16) | head);
        SHARED_U32.setRelease(queue.memory, at + 12, (status << 17) | queue.phase | cid);
        queue.step();
    }

    private int io(Queue queue, long slot) {
        if (echo || ioStatus != 0) {
            return ioStatus;
        }
        long lba = queue.memory.get(U64, slot + 40);
        int blocks = (queue.memory.get(U32, slot + 48) & 0xffff) + 1;
        int opcode = queue.memory.get(U8, slot);
        if (opcode == IoOpcode.FLUSH) {
            return Status.SUCCESS;
        }
        if (opcode == IoOpcode.DATASET_MANAGEMENT) {
            var range = Arena.ofAuto().allocate(16, 8);
            controller.memory.transfer(queue.memory, slot, range, false);
            lba = range.get(U64, 8);
            blocks = range.get(U32, 4);
            opcode = IoOpcode.WRITE_ZEROES;
        }
        if (lba < 0 || lba + blocks > BLOCKS) {
            return Status.LBA_OUT_OF_RANGE;
        }
        var data = disk.asSlice(lba * BLOCK, (long) blocks * BLOCK);
        switch (opcode) {
            case IoOpcode.READ -> controller.memory.transfer(queue.memory, slot, data, true);
            case IoOpcode.WRITE -> controller.memory.transfer(queue.memory, slot, data, false);
            case IoOpcode.WRITE_ZEROES -> data.fill((byte) 0);
            case IoOpcode.VERIFY -> {}
            case IoOpcode.COMPARE -> {
                var other = Arena.ofAuto().allocate(data.byteSize(), 8);
                controller.memory.transfer(queue.memory, slot, other, false);
                return data.mismatch(other) < 0 ? Status.SUCCESS : Status.COMPARE_FAILURE;
            }
            default -> {
                return Status.INVALID_OPCODE;
            }
        }
        return Status.SUCCESS;
    }

    private int admin(Queue queue, long slot, int cid) {
        var memory = queue.memory;
        int opcode = Byte.toUnsignedInt(memory.get(U8, slot));
        long prp1 = memory.get(U64, slot + 24);
        int cdw10 = memory.get(U32, slot + 40);
        int cdw11 = memory.get(U32, slot + 44);
        int id = cdw10 & 0xffff;
        int entries = (cdw10 >>> 16) + 1;
        switch (opcode) {
            case AdminOpcode.IDENTIFY -> {
                return identify(queue, slot, cdw10 & 0xff, memory.get(U32, slot + 4));
            }
            case AdminOpcode.SET_FEATURES -> {
                features.put(cdw10, cdw11);
                result = cdw10 == 7 ? (MAX_QUEUES - 1) * 0x10001 : 0;
            }
            case AdminOpcode.GET_FEATURES -> result = features.getOrDefault(cdw10, 0);
            case AdminOpcode.GET_LOG_PAGE -> {
                int length = ((cdw10 >>> 16) + 1) * 4;
                var page = Arena.ofAuto().allocate(length, 8);
                page.fill((byte) cdw10);
                controller.memory.transfer(memory, slot, page, true);
            }
            case AdminOpcode.CREATE_COMPLETION_QUEUE -> {
                if (id == 0 || id > MAX_QUEUES || completions[id] != null) {
                    return Status.INVALID_QUEUE_ID;
                }
                completions[id] = new Queue(controller.memory.find(prp1), entries, cdw11 >>> 16);
            }
            case AdminOpcode.CREATE_SUBMISSION_QUEUE -> {
                if (id == 0 || id > MAX_QUEUES || submissions[id] != null) {
                    return Status.INVALID_QUEUE_ID;
                }
                submissions[id] = new Queue(controller.memory.find(prp1), entries, cdw11 >>> 16);
            }
            case AdminOpcode.DELETE_SUBMISSION_QUEUE -> submissions[id] = null;
            case AdminOpcode.DELETE_COMPLETION_QUEUE -> completions[id] = null;
            case AdminOpcode.ABORT -> result = 1;
            case AdminOpcode.ASYNC_EVENT_REQUEST -> {
                eventRequests.add(cid);
                return -1;
            }
            case AdminOpcode.DOORBELL_BUFFER_CONFIG -> {
                shadow = controller.memory.find(prp1);
                events = controller.memory.find(memory.get(U64, slot + 32));
            }
            case AdminOpcode.KEEP_ALIVE, AdminOpcode.FORMAT_NVM -> {}
            default -> {
                return Status.INVALID_OPCODE;
            }
        }
        return Status.SUCCESS;
    }

    private int identify(Queue queue, long slot, int cns, int namespace) {
        var page = Arena.ofAuto().allocate(4096, 8);
        switch (cns) {
            case AdminCommands.CNS_CONTROLLER -> page.copyFrom(identity);
            case AdminCommands.CNS_ACTIVE_NAMESPACES -> page.set(U32, 0, namespace == 0 ? 1 : 0);
            case AdminCommands.CNS_NAMESPACE -> {
                page.set(U64, 0, BLOCKS);
                page.set(U64, 16, BLOCKS / 2);
                page.set(U8, 33, (byte) 1);
                page.set(U8, 130, (byte) blockShift);
            }
            case AdminCommands.CNS_NAMESPACE_DESCRIPTORS -> {
                page.set(U8, 0, (byte) 3);
                page.set(U8, 1, (byte) 16);
                page.asSlice(4, 16).fill((byte) 0xab);
            }
            default -> {
                return Status.INVALID_FIELD;
            }
        }
        controller.memory.transfer(queue.memory, slot, page, true);
        return Status.SUCCESS;
    }
}
