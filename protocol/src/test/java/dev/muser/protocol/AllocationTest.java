package dev.muser.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;

/** The hot flyweights allocate nothing: not a byte for a million messages. */
class AllocationTest {
    private static final int MESSAGES = 1_000_000;

    private final Header header = new Header();
    private final RegionAccess region = new RegionAccess();
    private final DmaAccess dma = new DmaAccess();
    private final RegionWriteMulti multi = new RegionWriteMulti();

    /** Encodes and decodes {@code count} messages of each kind; returns a sum of what was read. */
    private long run(MemorySegment segment, int count) {
        long sum = 0;
        for (int i = 0; i < count; i++) {
            int body = Header.SIZE;
            Header.encodeCommand(segment, 0, i & 0xffff, Command.REGION_READ, 32, (i & 1) == 0);
            header.wrap(segment, 0);
            sum += header.validate(1 << 20) + header.messageId() + header.payloadLength();

            RegionAccess.encode(segment, body, i, 2, 4);
            region.wrap(segment, body, 20);
            sum += region.validateReadRequest(9, 4096) + region.validateWriteRequest(9, 4096);
            sum += region.validateReadReply(i, 2, 4) + region.regionOffset() + region.count();
            sum += region.isWithin(1 << 30) ? 1 : 0;

            DmaAccess.encode(segment, body, i, 4);
            dma.wrap(segment, body, 20);
            sum += dma.validateWriteRequest(4096) + dma.validateReadReply(i, 4);
            sum += dma.address() + dma.count() + dma.dataOffset();

            int length = RegionWriteMulti.encodeRequest(segment, body, 1);
            RegionWriteMulti.encodeWrite(segment, body, 0, i, 2, 8, i);
            multi.wrap(segment, body, length);
            sum += multi.validateRequest(9) + multi.regionOffset(0);
        }
        return sum;
    }

    @Test
    void shouldAllocateNothingForAMillionMessages() {
        var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (var arena = Arena.ofConfined()) {
            var segment = arena.allocate(128);
            long sum = run(segment, MESSAGES);
            threads.getCurrentThreadAllocatedBytes();
            long before = threads.getCurrentThreadAllocatedBytes();
            sum -= run(segment, MESSAGES);
            long allocated = threads.getCurrentThreadAllocatedBytes() - before;
            assertThat(allocated).isZero();
            assertThat(sum).isZero();
        }
    }
}
