package dev.muser.client.nvme;

import static dev.muser.client.nvme.LittleEndian.U32;
import static dev.muser.client.nvme.LittleEndian.U64;

import dev.muser.client.DmaBuffer;
import dev.muser.client.DmaMemory;
import dev.muser.client.DmaSpace;
import dev.muser.device.DmaAccess;

/**
 * An I/O queue pair for commands in flight. Commands are prepared, told to the controller by {@link
 * #kick}, and come back by {@link #poll} with the cookie that they were given:
 *
 * <pre>{@code
 * queue.read(lba, blocks, buffer, offset, cookie);
 * queue.kick();
 * while (queue.poll(handler) == 0) {}
 * }</pre>
 *
 * <p>Each command goes to the namespace that was {@linkplain #select selected} last. What returns a
 * command identifier returns {@link #FULL} when {@link #depth} commands are in flight.
 */
public final class IoQueue implements AutoCloseable {
    /** No command was prepared: poll first. */
    public static final int FULL = -1;

    /** Force Unit Access, in CDW12: the data is on the medium before the command completes. */
    public static final int FUA = 1 << 30;

    private static final int PAGE = 4096;

    /** Bit 2 of command dword 11, as bits of dwords 10 and 11. */
    private static final long DEALLOCATE = 1L << 34;

    private static final int PSDT_SGL = 1 << 14;

    private final QueuePair pair;
    private final SubmissionQueue submissions;
    private final CompletionQueue completions;
    private final Patience patience;
    private final int depth;
    private final int maxTransfer;
    private final boolean sgl;

    /** For each command identifier: room for a PRP list or for a range to deallocate. */
    private final DmaBuffer lists;

    private final PrpList[] prps;
    private final long[] cookies;
    private final boolean[] busy;
    private final int[] free;
    private int freeCount;
    private long namespace;
    private int blockShift;
    private int maxBlocks;

    IoQueue(
            Doorbells doorbells,
            int id,
            NvmeDriverOptions options,
            int entries,
            int maxTransfer,
            boolean sgl,
            DmaSpace dma,
            Patience patience) {
        this.patience = patience;
        this.maxTransfer = maxTransfer;
        this.sgl = sgl;
        depth = Math.min(options.depth(), entries - 1);
        pair = new QueuePair(doorbells, id, entries, dma, options.memory());
        submissions = pair.submissions();
        completions = pair.completions();
        int pages = Math.max(1, PrpList.pagesFor(maxTransfer, PAGE));
        var kind = options.memory() == DmaMemory.MESSAGES ? DmaMemory.MESSAGES : DmaMemory.PAGES;
        lists = dma.allocate((long) depth * pages * PAGE, DmaAccess.READ_WRITE, kind);
        prps = new PrpList[depth];
        for (int i = 0; i < depth; i++) {
            prps[i] = new PrpList(lists, (long) i * pages * PAGE, pages, PAGE);
        }
        cookies = new long[depth];
        busy = new boolean[depth];
        free = new int[depth];
        reset();
    }

    public int id() {
        return pair.id();
    }

    /** Returns how many commands may be in flight. */
    public int depth() {
        return depth;
    }

    /** Hot. Returns how many commands are in flight, or prepared. */
    public int inFlight() {
        return depth - freeCount;
    }

    /** Returns the largest transfer in bytes. */
    public int maxTransfer() {
        return maxTransfer;
    }

    /** Returns the queues, for commands that are not here. */
    public QueuePair pair() {
        return pair;
    }

    /** Has the following commands go to {@code target}. */
    public IoQueue select(NvmeNamespace target) {
        namespace = Integer.toUnsignedLong(target.id()) << 32;
        blockShift = target.blockShift();
        maxBlocks = Math.min(1 << 16, maxTransfer >>> blockShift);
        return this;
    }

    /** Hot. Reads into {@code buffer} at {@code offset}, a multiple of 4. */
    public int read(long lba, int blocks, DmaBuffer buffer, long offset, long cookie) {
        return transfer(IoOpcode.READ, lba, blocks, 0, buffer, offset, cookie);
    }

    /** Hot. Writes from {@code buffer} at {@code offset}, a multiple of 4. */
    public int write(long lba, int blocks, DmaBuffer buffer, long offset, long cookie) {
        return transfer(IoOpcode.WRITE, lba, blocks, 0, buffer, offset, cookie);
    }

    /** Hot. Compares with {@code buffer}: {@link Status#COMPARE_FAILURE} when it differs. */
    public int compare(long lba, int blocks, DmaBuffer buffer, long offset, long cookie) {
        return transfer(IoOpcode.COMPARE, lba, blocks, 0, buffer, offset, cookie);
    }

    /** Hot. Makes what was written durable. */
    public int flush(long cookie) {
        return add(IoOpcode.FLUSH, 0, 0, 0, 0, cookie);
    }

    /** Hot. Makes blocks zero; up to 65536 of them, which no transfer limits. */
    public int writeZeroes(long lba, int blocks, boolean deallocate, long cookie) {
        int flags = deallocate ? 1 << 25 : 0;
        return add(IoOpcode.WRITE_ZEROES, 0, 0, lba, count(blocks) | flags, cookie);
    }

    /** Hot. Has the controller read blocks and check them. */
    public int verify(long lba, int blocks, long cookie) {
        return add(IoOpcode.VERIFY, 0, 0, lba, count(blocks), cookie);
    }

    /** Hot. Says that the contents of blocks no longer matter. */
    public int deallocate(long lba, int blocks, long cookie) {
        if (freeCount == 0) {
            return FULL;
        }
        // range: context attributes u32 @0, length u32 @4, start u64 @8
        long at = prps[free[freeCount - 1]].iova() - lists.iova();
        lists.segment().set(U32, at, 0);
        lists.segment().set(U32, at + 4, blocks);
        lists.segment().set(U64, at + 8, lba);
        return add(
                IoOpcode.DATASET_MANAGEMENT | (sgl ? PSDT_SGL : 0),
                lists.iova(at),
                sgl ? SglList.descriptor(16, SglList.DATA_BLOCK) : 0,
                DEALLOCATE, // and one range, counted from 0
                0,
                cookie);
    }

    /**
     * Hot. Writes blocks if they are equal to others: one fused operation of two commands, which
     * both complete, the write with {@link Status#FAILED_FUSED} when the comparison fails.
     *
     * @param expected what they are compared with
     * @return the command identifier of the write, or {@link #FULL}
     */
    public int compareAndWrite(
            long lba,
            int blocks,
            DmaBuffer expected,
            long expectedOffset,
            DmaBuffer buffer,
            long offset,
            long cookie) {
        if (freeCount < 2 || submissions.room() < 2) {
            return FULL;
        }
        check(IoOpcode.WRITE, blocks, buffer, offset); // lest the comparison stays alone
        int first = SubmissionEntry.FUSE_FIRST << 8;
        transfer(IoOpcode.COMPARE, lba, blocks, first, expected, expectedOffset, cookie);
        int second = SubmissionEntry.FUSE_SECOND << 8;
        return transfer(IoOpcode.WRITE, lba, blocks, second, buffer, offset, cookie);
    }

    /**
     * Hot. Prepares any command that moves blocks.
     *
     * @param flags of CDW0 and CDW12: {@link #FUA}, or fused bits 8 and 9
     * @return the command identifier, or {@link #FULL}
     */
    public int transfer(
            int opcode,
            long lba,
            int blocks,
            int flags,
            DmaBuffer buffer,
            long offset,
            long cookie) {
        check(opcode, blocks, buffer, offset);
        if (freeCount == 0) {
            return FULL;
        }
        long length = (long) blocks << blockShift;
        long iova = buffer.iova() + offset;
        long prp1 = iova;
        long prp2 = 0;
        long inFirst = PAGE - (iova & (PAGE - 1));
        int head = opcode | (flags & 0x300);
        if (sgl) {
            prp2 = SglList.descriptor((int) length, SglList.DATA_BLOCK);
            head |= PSDT_SGL;
        } else if (length > inFirst) {
            prp2 =
                    length <= inFirst + PAGE
                            ? iova + inFirst
                            : prps[free[freeCount - 1]].set(iova, length).prp2();
        }
        return add(head, prp1, prp2, lba, (blocks - 1) | (flags & FUA), cookie);
    }

    /** Hot. Tells the controller of all that was prepared. */
    public void kick() {
        completions.acknowledge();
        submissions.submit();
    }

    /**
     * Hot. Hands all completions that are there to {@code handler}, which may prepare commands.
     *
     * @return how many
     */
    public int poll(CompletionHandler handler) {
        return poll(handler, depth);
    }

    /** Hot. As {@link #poll(CompletionHandler)}, but at most {@code max}. */
    public int poll(CompletionHandler handler, int max) {
        int count = 0;
        while (count < max && completions.advance()) {
            var completion = completions.completion();
            int id = completion.commandId();
            if (id >= depth || !busy[id]) {
                throw stray(completion);
            }
            busy[id] = false;
            free[freeCount++] = id;
            completion.cookie(cookies[id]);
            count++;
            handler.completed(completion);
        }
        if (count == 0) {
            completions.acknowledge();
            patience.serve();
        }
        return count;
    }

    /**
     * As {@link #poll(CompletionHandler)}, but waits for one completion at least: asleep in
     * interrupt mode.
     *
     * @throws IllegalStateException when none comes in time
     */
    public int await(CompletionHandler handler) {
        patience.begin();
        while (true) {
            int count = poll(handler);
            if (count > 0) {
                return count;
            }
            if (!patience.pause()) {
                throw new IllegalStateException(
                        "no completion of %d commands of queue %d in time"
                                .formatted(inFlight(), id()));
            }
        }
    }

    /** Begins anew, forgetting what was in flight. */
    void reset() {
        pair.reset();
        for (int i = 0; i < depth; i++) {
            free[i] = depth - 1 - i;
            busy[i] = false;
        }
        freeCount = depth;
    }

    /** Frees the memory. */
    @Override
    public void close() {
        pair.close();
        lists.close();
    }

    private int add(int head, long prp1, long prp2, long cdw10, int cdw12, long cookie) {
        if (freeCount == 0 || submissions.room() == 0) {
            return FULL;
        }
        int id = free[--freeCount];
        busy[id] = true;
        cookies[id] = cookie;
        submissions.add(
                head | ((long) id << 16) | namespace, prp1, prp2, cdw10, cdw12 & 0xffffffffL);
        return id;
    }

    private void check(int opcode, int blocks, DmaBuffer buffer, long offset) {
        if (blocks < 1
                || blocks > maxBlocks
                || offset < 0
                || offset > buffer.size() - ((long) blocks << blockShift)
                || (offset & 3) != 0) {
            throw refusal(opcode, blocks, buffer, offset);
        }
    }

    private static int count(int blocks) {
        if (blocks < 1 || blocks > 1 << 16) {
            throw new IllegalArgumentException(
                    "%d blocks: 1 to 65536 fit into a command".formatted(blocks));
        }
        return blocks - 1;
    }

    private IllegalArgumentException refusal(
            int opcode, int blocks, DmaBuffer buffer, long offset) {
        return new IllegalArgumentException(
                "%s of %d blocks at 0x%x of a buffer of 0x%x bytes: up to %d blocks, inside the"
                                .formatted(
                                        IoOpcode.name(opcode),
                                        blocks,
                                        offset,
                                        buffer.size(),
                                        maxBlocks)
                        + " buffer, at a multiple of 4");
    }

    private IllegalStateException stray(Completion completion) {
        return new IllegalStateException(
                "queue %d: the device completed a command that is not in flight: %s"
                        .formatted(id(), completion));
    }
}
