package dev.muser.client.nvme;

import dev.muser.client.DmaBuffer;

/**
 * Commands to one namespace, one at a time: each call returns when it is done. The queue must have
 * no other commands in flight. Transfers beyond {@link IoQueue#maxTransfer} are refused.
 */
public final class SyncIo {
    private final IoQueue queue;
    private final NvmeNamespace namespace;
    private final Completion result = new Completion();
    private final CompletionHandler keep = this::keep;

    SyncIo(IoQueue queue, NvmeNamespace namespace) {
        this.queue = queue;
        this.namespace = namespace;
    }

    public NvmeNamespace namespace() {
        return namespace;
    }

    /**
     * Reads blocks into {@code buffer}.
     *
     * @throws NvmeException when the controller completes it with an error; so all here
     */
    public void read(long lba, int blocks, DmaBuffer buffer, long offset) {
        begin().read(lba, blocks, buffer, offset, 0);
        finish(IoOpcode.READ);
    }

    /** Writes blocks from {@code buffer}. */
    public void write(long lba, int blocks, DmaBuffer buffer, long offset) {
        begin().write(lba, blocks, buffer, offset, 0);
        finish(IoOpcode.WRITE);
    }

    /** Writes blocks to the medium itself. */
    public void writeThrough(long lba, int blocks, DmaBuffer buffer, long offset) {
        begin().transfer(IoOpcode.WRITE, lba, blocks, IoQueue.FUA, buffer, offset, 0);
        finish(IoOpcode.WRITE);
    }

    /** Makes what was written durable. */
    public void flush() {
        begin().flush(0);
        finish(IoOpcode.FLUSH);
    }

    /** Makes blocks zero. */
    public void writeZeroes(long lba, int blocks) {
        begin().writeZeroes(lba, blocks, false, 0);
        finish(IoOpcode.WRITE_ZEROES);
    }

    /** Says that the contents of blocks no longer matter. */
    public void deallocate(long lba, int blocks) {
        begin().deallocate(lba, blocks, 0);
        finish(IoOpcode.DATASET_MANAGEMENT);
    }

    /** Whether blocks are equal to those in {@code buffer}. */
    public boolean compare(long lba, int blocks, DmaBuffer buffer, long offset) {
        begin().compare(lba, blocks, buffer, offset, 0);
        await();
        if (result.status() == Status.COMPARE_FAILURE) {
            return false;
        }
        check(IoOpcode.COMPARE);
        return true;
    }

    /** Writes blocks if they are equal to {@code expected}, in one; returns whether they were. */
    public boolean compareAndWrite(
            long lba,
            int blocks,
            DmaBuffer expected,
            long expectedOffset,
            DmaBuffer buffer,
            long offset) {
        begin().compareAndWrite(lba, blocks, expected, expectedOffset, buffer, offset, 0);
        await();
        if (result.status() == Status.COMPARE_FAILURE || result.status() == Status.FAILED_FUSED) {
            return false;
        }
        check(IoOpcode.WRITE);
        return true;
    }

    /** Has the controller read blocks and check them. */
    public void verify(long lba, int blocks) {
        begin().verify(lba, blocks, 0);
        finish(IoOpcode.VERIFY);
    }

    private IoQueue begin() {
        if (queue.inFlight() != 0) {
            throw new IllegalStateException(
                    "queue %d has %d commands in flight: they must be done first"
                            .formatted(queue.id(), queue.inFlight()));
        }
        return queue.select(namespace);
    }

    private void finish(int opcode) {
        await();
        check(opcode);
    }

    private void await() {
        result.set(0, 0, 0);
        queue.kick();
        while (queue.inFlight() > 0) {
            queue.await(keep);
        }
    }

    /** Of a fused operation's two, the one that failed. */
    private void keep(Completion completion) {
        if (result.isSuccess()) {
            result.copy(completion);
        }
    }

    private void check(int opcode) {
        if (!result.isSuccess()) {
            throw new NvmeException(
                    "%s on namespace %d".formatted(IoOpcode.name(opcode), namespace.id()),
                    opcode,
                    result);
        }
    }
}
