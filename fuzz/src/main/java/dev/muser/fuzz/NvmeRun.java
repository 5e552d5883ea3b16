package dev.muser.fuzz;

import dev.muser.device.DmaAccess;
import dev.muser.device.MigrationState;
import dev.muser.device.VfioException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * One life of a controller whose driver has queues where they belong, and in them whatever the
 * bytes say: decided when the controller fetches it, or, of queues that are shared, when it is told
 * of it, and changed later.
 */
final class NvmeRun extends DeviceRun {
    private static final int CC = 0x14;
    private static final int CSTS = 0x1c;
    private static final int AQA = 0x24;
    private static final int ASQ = 0x28;
    private static final int ACQ = 0x30;
    private static final int DOORBELLS = 0x1000;

    /** Enabled, entries of 64 and 16 bytes. */
    private static final int ENABLE = 6 << 16 | 4 << 20 | 1;

    private static final int READY = 1;

    /** RDY, CFS, SHST, NSSRO; Processing Paused is for fabrics. */
    private static final int DEFINED = 0x1f;

    private static final int IDENTIFY = 6;
    private static final int CREATE_SUBMISSIONS = 1;
    private static final int CREATE_COMPLETIONS = 5;

    /** An identifier that no other command has. */
    private static final int LAST = 0xfffe;

    /** What another processor may change in a command of the admin queue: no identifiers. */
    private static final int[] ADMIN_WORDS = {1, 6, 7, 8, 9};

    private final NvmeTarget own;
    final NvmeQueues queues = new NvmeQueues();

    /** The next command is the one that must succeed. */
    private boolean identifying;

    NvmeRun(NvmeTarget target, Input input) {
        super(target, input);
        own = target;
    }

    @Override
    void begin() {
        super.begin();
        enable();
    }

    @Override
    void step(int choice) {
        switch (choice >> 4) {
            case 8, 9, 10 -> ring((choice & 15) % NvmeQueues.COUNT, 1 + (input.u8() & 7));
            case 11 -> release((choice & 15) % NvmeQueues.COUNT);
            case 12, 13 -> {
                for (int i = 0; i <= (choice & 15); i++) {
                    memory.answer(choice >> 4 == 12 ? 1 : 0, input);
                    turn(2);
                }
            }
            case 14 -> {
                if ((choice & 15) == 0) {
                    enable();
                } else if ((choice & 15) == 15) {
                    moveQueues();
                } else {
                    ring(0, choice & 3);
                }
            }
            default -> {
                if ((choice & 15) == 13) {
                    queues.lost(); // what a migration brings are other queues
                }
                if (choice == 0xff && queues.isShared()) {
                    changeCommand();
                } else {
                    super.step(choice);
                }
            }
        }
        queues.poll();
        checkStatus();
    }

    @Override
    void write(int region, long offset, int width, long value) {
        super.write(region, offset, width, NvmeQueues.elsewhere(value));
    }

    /**
     * What is not a doorbell may end what the queues were; and with a doorbell that this driver did
     * not ring, the controller finds in a shared queue what nobody has put there.
     */
    @Override
    void writing(int region, long offset) {
        if (region != 0 || offset < DOORBELLS || queues.isShared()) {
            queues.lost();
        }
    }

    @Override
    void attach() {
        super.attach();
        mapQueues(queues.isShared());
    }

    private void mapQueues(boolean shared) {
        device.mapDma(
                NvmeQueues.BEGIN,
                NvmeQueues.END - NvmeQueues.BEGIN,
                DmaAccess.READ_WRITE,
                shared ? own.queues().duplicate() : null,
                0);
    }

    /** The driver begins anew with queues that are shared, or are no longer. */
    private void moveQueues() {
        boolean shared = !queues.isShared();
        device.unmapDma(NvmeQueues.BEGIN, NvmeQueues.END - NvmeQueues.BEGIN);
        queues.share(shared ? own.queueMemory() : null);
        mapQueues(shared);
        enable();
    }

    /** Another processor of the driver changes a command while the controller may fetch it. */
    private void changeCommand() {
        int queue = input.u8() % NvmeQueues.COUNT;
        int which = input.u8();
        var entry = queues.submission(queue, which & 15);
        int word = queue == 0 ? ADMIN_WORDS[input.u8() % 5] : 1 + input.u8() % 15;
        set(entry, word, (int) NvmeQueues.elsewhere(input.value() & 0xffff_ffffL));
    }

    @Override
    void reset() {
        queues.lost();
        super.reset();
    }

    /** Begins anew. Everything that was under way ends before the controller says that it has. */
    private void enable() {
        var migration = device.migration();
        if (migration != null && migration.state() != MigrationState.RUNNING) {
            reset(); // it does nothing before that is over
        }
        write(0, CC, 4, 0);
        for (int i = 0; (status() & READY) != 0; i++) {
            Finding.unless(i < PATIENCE, "it is ready for ever after CC.EN was cleared");
            turn(1);
            memory.answer(0, input);
        }
        Finding.unless(memory.writesUnderWay() == 0, "it still writes to memory, and is not ready");
        queues.ended();
        settle();
        Finding.unless(queues.isUnchanged(), "it has written to a queue after it was not ready");
        write(0, AQA, 4, (NvmeQueues.ENTRIES - 1) << 16 | (NvmeQueues.ENTRIES - 1));
        super.write(0, ASQ, 8, NvmeQueues.submissions(0));
        super.write(0, ACQ, 8, NvmeQueues.completions(0));
        write(0, CC, 4, ENABLE);
        queues.enabled();
        for (int i = 0; (status() & READY) == 0; i++) {
            Finding.unless(i < PATIENCE, "it is not ready after CC.EN was set");
            turn(1);
        }
    }

    private int status() {
        return (int) read(0, CSTS, 4);
    }

    private void checkStatus() {
        int status;
        try {
            status = status();
        } catch (VfioException e) {
            return; // a migration has stopped it
        }
        Finding.unless((status & ~DEFINED) == 0, "CSTS is 0x%x".formatted(status));
    }

    private void ring(int queue, int entries) {
        int n = queues.isShared() ? put(queue, entries) : entries;
        store(0, DOORBELLS + 8L * queue, 4, queues.ring(queue, n));
    }

    /** Puts commands into a queue that is shared, as many as there is room for. */
    private int put(int queue, int entries) {
        queues.poll();
        int n = Math.min(entries, queues.room(queue));
        for (int i = 0; i < n; i++) {
            var entry = queues.submission(queue, (queues.tail(queue) + i) % NvmeQueues.ENTRIES);
            command(queue, entry);
            queues.fetched(queue, entry);
        }
        return n;
    }

    private void release(int queue) {
        queues.poll();
        store(0, DOORBELLS + 8L * queue + 4, 4, queues.head(queue));
    }

    @Override
    public boolean fill(long iova, MemorySegment into) {
        int queue = NvmeQueues.submissionQueueAt(iova);
        if (queue < 0 || !queues.isKnown() || queues.isShared()) {
            return false;
        }
        for (long at = 0; at + NvmeQueues.COMMAND <= into.byteSize(); at += NvmeQueues.COMMAND) {
            command(queue, into.asSlice(at, NvmeQueues.COMMAND));
        }
        return true;
    }

    @Override
    public void read(long iova, MemorySegment bytes) {
        int queue = NvmeQueues.submissionQueueAt(iova);
        if (queue >= 0 && queues.isKnown() && !queues.isShared()) {
            queues.fetched(queue, bytes);
        }
    }

    @Override
    public void written(long iova, MemorySegment bytes) {
        if (!queues.isShared()) {
            queues.written(iova, bytes);
        }
    }

    @Override
    public void refused(long iova) {
        if (iova >= NvmeQueues.BEGIN && iova < NvmeQueues.END) {
            queues.lost(); // the controller has to give up
        }
    }

    private void command(int queue, MemorySegment entry) {
        entry.fill((byte) 0);
        if (identifying) {
            set(entry, 0, IDENTIFY | LAST << 16);
            set(entry, 6, 0x1000);
            set(entry, 10, 1);
            identifying = false;
            return;
        }
        int opcode = input.u8();
        int id = input.u8();
        if (queue == 0 && opcode >= 0xe0) {
            create(1 + (opcode & 3), (opcode & 4) != 0, (opcode & 8) != 0, id, entry);
            return;
        }
        int flags = input.u8();
        set(entry, 0, opcode | flags << 8 | id << 16);
        set(entry, 1, (int) input.value());
        wide(entry, 6);
        wide(entry, 8);
        int mask = input.u8();
        for (int word = 10; word < 16; word++) {
            if ((mask >> (word - 10) & 1) != 0) {
                set(entry, word, (int) input.value());
            }
        }
    }

    private void wide(MemorySegment entry, int word) {
        long value = NvmeQueues.elsewhere(input.value());
        set(entry, word, (int) value);
        set(entry, word + 1, (int) (value >>> 32));
    }

    /** Makes a queue where it belongs; a vector of its own is refused as long as there is one. */
    private void create(
            int queue, boolean completions, boolean ownVector, int id, MemorySegment entry) {
        int vector = ownVector ? queue : 0;
        queues.makes(queue, completions, id);
        long at = completions ? NvmeQueues.completions(queue) : NvmeQueues.submissions(queue);
        set(entry, 0, (completions ? CREATE_COMPLETIONS : CREATE_SUBMISSIONS) | id << 16);
        set(entry, 6, (int) at);
        set(entry, 10, (NvmeQueues.ENTRIES - 1) << 16 | queue);
        set(entry, 11, completions ? vector << 16 | 3 : queue << 16 | 1);
    }

    private static void set(MemorySegment entry, int word, int value) {
        entry.set(ValueLayout.JAVA_INT_UNALIGNED, 4L * word, value);
    }

    /** And a driver that comes next finds a controller that works. */
    @Override
    void requireAlive() {
        super.requireAlive();
        enable();
        identifying = true;
        ring(0, 1);
        for (int i = 0; i < PATIENCE && !queues.hasSucceeded(LAST); i++) {
            turn(1);
            memory.answer(0, input);
            queues.poll();
        }
        Finding.unless(queues.hasSucceeded(LAST), "it does not identify itself any more");
    }
}
