package dev.muser.devices.nvme;

import dev.muser.devices.storage.StorageOperation;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * Dataset Management (NVMe base 1.4, 6.7): up to 256 ranges, of which only "deallocate" means
 * something here.
 *
 * <pre>
 *   0  u32  context attributes    4  u32  length in blocks    8  u64  first block
 * </pre>
 */
final class DatasetManagement {
    private static final int RANGE = 16;
    private static final int DEALLOCATE = 4;

    /** What a range counts of a turn's bytes. */
    private static final long COST = 64 << 10;

    private static final ValueLayout.OfInt U32 =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong U64 =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Processor processor;
    private final NvmCommands commands;
    private final BufferPool buffers;
    private final Continuation fetch = this::fetch;
    private final Continuation fetched = this::fetched;
    private final Continuation next = this::next;
    private final Continuation discard = this::discard;

    DatasetManagement(Processor processor, NvmCommands commands, BufferPool buffers) {
        this.processor = processor;
        this.commands = commands;
        this.buffers = buffers;
    }

    /** Returns how many bytes of ranges come with the command. */
    static long length(Command c) {
        return (long) RANGE * ((c.cdw10 & 0xff) + 1);
    }

    void go(Command c) {
        buffers.lend(c, fetch);
    }

    private void fetch(Command c, int errno) {
        c.data.copyTo(c.privateData(), c.transfer(fetched));
    }

    private void fetched(Command c, int errno) {
        if (errno != 0) {
            commands.end(c, Status.DATA_TRANSFER_ERROR);
            return;
        }
        var ranges = Objects.requireNonNull(c.buffer);
        long blocks = c.namespace().blocks();
        for (long at = 0; at < c.dataLength; at += RANGE) {
            long first = ranges.get(U64, at + 8);
            long n = Integer.toUnsignedLong(ranges.get(U32, at + 4));
            if (first < 0 || n > blocks || first > blocks - n) {
                commands.end(c, Status.LBA_OUT_OF_RANGE);
                return;
            }
        }
        c.step = 0;
        next(c, 0);
    }

    /** Gives back one range after the other; to advise of other things changes nothing. */
    private void next(Command c, int errno) {
        var ranges = Objects.requireNonNull(c.buffer);
        boolean wanted = errno == 0 && (c.cdw11 & DEALLOCATE) != 0;
        while (wanted && c.step < c.dataLength && ranges.get(U32, c.step + 4) == 0) {
            c.step += RANGE;
        }
        if (wanted && c.step < c.dataLength) {
            processor.step(c, discard);
        } else {
            commands.end(c, Status.ofErrno(errno, true));
        }
    }

    private void discard(Command c, int errno) {
        var ranges = Objects.requireNonNull(c.buffer);
        int shift = c.namespace().shift();
        long first = ranges.get(U64, c.step + 8);
        long n = Integer.toUnsignedLong(ranges.get(U32, c.step + 4));
        c.step += RANGE;
        processor.spend(COST);
        c.submit(StorageOperation.DISCARD, first << shift, n << shift, false, false, next);
    }
}
