package dev.muser.testkit.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Regions and interrupts at every bound and beside it. */
final class HostileRegionsTest extends HostileTest {
    private static final int MSIX = 2;
    private static final int MAX_TRANSFER = 1 << 20;

    /** What no access is at: from beyond a region to where 64 bits end. */
    private static final long[] FAR = {
        1L << 31, (1L << 31) - 1, 1L << 32, (1L << 32) - 1, 1L << 63, (1L << 63) - 1, -4, -1
    };

    private static final long[] COUNTS = {
        1,
        2,
        3,
        4,
        5,
        7,
        8,
        9,
        255,
        256,
        257,
        4095,
        4096,
        4097,
        MAX_TRANSFER - 1,
        MAX_TRANSFER,
        MAX_TRANSFER + 1,
        1L << 31,
        0xffff_fff0L,
        0xffff_ffffL
    };

    /** Sizes of the regions that a {@link Puppet} has; the others are absent. */
    private static long size(long region) {
        return switch ((int) region) {
            case 0, 4 -> 0x1000;
            case 2 -> Puppet.BAR2_SIZE;
            case 7 -> 256;
            default -> 0;
        };
    }

    private static boolean isWithin(long region, long offset, long count) {
        long size = size(region);
        return count <= MAX_TRANSFER
                && Long.compareUnsigned(offset, size) <= 0
                && count <= size - offset;
    }

    private static long[] offsets(long size) {
        long[] near = {0, 1, size / 2, size - 8, size - 4, size - 1, size, size + 1};
        long[] all = Arrays.copyOf(near, near.length + FAR.length);
        System.arraycopy(FAR, 0, all, near.length, FAR.length);
        return all;
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 255, 0x7fff_ffffL, 0xffff_ffffL})
    void shouldReadWhatIsWithinARegionAndNothingElse(long region) {
        var client = negotiated();
        for (long offset : offsets(size(region))) {
            for (long count : COUNTS) {
                var reply =
                        client.ask(
                                Requests.REGION_READ, Requests.regionRead(region, offset, count));
                if (isWithin(region, offset, count)) {
                    reply.succeeded(16 + (int) count);
                    assertThat(reply.u64(0)).isEqualTo(offset);
                    assertThat(reply.u32(12)).isEqualTo(count);
                } else {
                    reply.failed(Errno.EINVAL);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2, 4, 6, 7, 8, 9, 0xffff_ffffL})
    void shouldWriteWhatIsWithinARegionAndNothingElse(long region) {
        var client = negotiated();
        for (long offset : offsets(size(region))) {
            for (int count : new int[] {1, 3, 4, 5, 8, 4096, 4097, MAX_TRANSFER}) {
                var reply =
                        client.ask(
                                Requests.REGION_WRITE,
                                Requests.regionWrite(region, offset, new byte[count]));
                if (isWithin(region, offset, count)) {
                    reply.succeeded(16);
                    assertThat(reply.u32(12)).isEqualTo(count);
                } else {
                    reply.failed(Errno.EINVAL);
                }
            }
        }
    }

    @Test
    void shouldAnswerAnAccessOfNothingWithAHeader() {
        var client = negotiated();
        for (int region : new int[] {0, 2, 7}) {
            client.ask(Requests.REGION_READ, Requests.regionRead(region, 0, 0)).succeeded(0);
            client.ask(Requests.REGION_WRITE, Requests.regionWrite(region, 0)).succeeded(0);
        }
        client.ask(Requests.REGION_READ, Requests.regionRead(9, 0, 0)).failed(Errno.EINVAL);
    }

    /** The data are fewer than the count says, or more. */
    @ParameterizedTest
    @CsvSource({
        "0, 1",
        "1, 0",
        "4, 3",
        "4, 5",
        "3, 4",
        "5, 1048576",
        "1048577, 5",
        "1048577, 8",
        "2147483648, 4",
        "4294967280, 16",
        "4294967295, 4",
        "4294967295, 1048576"
    })
    void shouldRefuseDataOfAnotherLength(long count, int sent) {
        var client = negotiated();
        client.ask(
                        Requests.REGION_WRITE,
                        Bytes.of().u64(Puppet.RAM).u32(0).u32(count).zeros(sent).get())
                .failed(Errno.EINVAL);
        client.expectServed();
    }

    /** What was agreed is 1 MiB. The bytes that are too many are there, and are no next message. */
    @Test
    void shouldRefuseToWriteMoreThanWasAgreed() {
        var client = negotiated();
        var data = new byte[MAX_TRANSFER + 1];
        Arrays.fill(data, (byte) 0x10);
        for (int region : new int[] {0, 2, 7, 9}) {
            client.ask(Requests.REGION_WRITE, Requests.regionWrite(region, 0, data))
                    .failed(Errno.EINVAL);
        }
        client.post(Requests.REGION_WRITE, Requests.regionWrite(2, 0, data));
        client.expectServed();
        assertThat(
                        client.ask(
                                        Requests.REGION_READ,
                                        Requests.regionRead(2, 0, Puppet.BAR2_SIZE))
                                .succeeded(16 + Puppet.BAR2_SIZE)
                                .payload(16))
                .containsOnly(0);
    }

    @Test
    void shouldEndAClientThatWritesMoreThanAMessageHolds() {
        var client = negotiated();
        byte[] write = Requests.regionWrite(2, 0, new byte[MAX_TRANSFER + 64]);
        client.trySend(Requests.message(1, Requests.REGION_WRITE, 0, write), List.of(), 0);
        client.receive().failed(Errno.EINVAL);
        client.expectEnd();
    }

    @Test
    void shouldRefuseRequestsThatAreCutShort() {
        var client = negotiated();
        for (int length = 0; length < 16; length++) {
            for (int command :
                    new int[] {
                        Requests.GET_INFO,
                        Requests.GET_REGION_INFO,
                        Requests.GET_REGION_IO_FDS,
                        Requests.GET_IRQ_INFO,
                        Requests.SET_IRQS,
                        Requests.REGION_READ,
                        Requests.REGION_WRITE,
                        Requests.DMA_MAP,
                        Requests.DMA_UNMAP
                    }) {
                byte[] payload = new byte[length];
                Arrays.fill(payload, (byte) 0x7f);
                client.ask(command, payload).failed(Errno.EINVAL);
            }
        }
    }

    private static final long[] ARGSZ = {
        0,
        1,
        2,
        7,
        8,
        15,
        16,
        17,
        19,
        20,
        21,
        23,
        24,
        31,
        32,
        33,
        47,
        48,
        63,
        64,
        65,
        79,
        80,
        81,
        4096,
        1 << 20,
        (1 << 20) + 1,
        0x7fff_ffffL,
        0x8000_0000L,
        0xffff_fff0L,
        0xffff_ffffL
    };

    /** vfio-user, argsz: EINVAL below the fixed part; else a reply as long as that at most. */
    @Test
    void shouldTakeEveryArgszOfAtLeastTheFixedPart() {
        var client = negotiated();
        for (long argsz : ARGSZ) {
            expect(client, Requests.GET_INFO, Requests.info(argsz), argsz, 16, 16);
            expect(client, Requests.GET_IRQ_INFO, Requests.irqInfo(argsz, 0), argsz, 16, 16);
            expect(client, Requests.GET_REGION_INFO, Requests.regionInfo(argsz, 0), argsz, 32, 32);
            // mappable as a whole: a capability of one area, 16 + 16 bytes
            expect(client, Requests.GET_REGION_INFO, Requests.regionInfo(argsz, 2), argsz, 32, 64);
        }
    }

    private static void expect(
            HostileClient client, int command, byte[] payload, long argsz, int fixed, int full) {
        var reply = client.ask(command, payload);
        if (argsz < fixed) {
            reply.failed(Errno.EINVAL);
            return;
        }
        reply.succeeded(argsz < full ? reply.length() : full);
        assertThat((long) reply.length()).as("length of %s", reply).isBetween((long) fixed, argsz);
        assertThat(reply.u32(0)).as("argsz of the reply").isEqualTo(full);
        if (argsz < full) {
            assertThat(reply.fds()).as("descriptors of a reply that is cut").isEmpty();
        }
    }

    @Test
    void shouldTakeNoArgszOfARequestBelowItsStructure() {
        var client = negotiated();
        for (long argsz = 0; argsz < 32; argsz++) {
            client.ask(Requests.DMA_MAP, Bytes.of().u32(argsz).u32(3).u64(0).u64(0).u64(4096).get())
                    .failed(Errno.EINVAL);
        }
        for (long argsz = 0; argsz < 24; argsz++) {
            client.ask(Requests.DMA_UNMAP, Bytes.of().u32(argsz).u32(2).zeros(16).get())
                    .failed(Errno.EINVAL);
        }
        for (long argsz = 0; argsz < 20; argsz++) {
            client.ask(
                            Requests.SET_IRQS,
                            Requests.setIrqs(argsz, Requests.NONE | Requests.TRIGGER, MSIX, 0, 1))
                    .failed(Errno.EINVAL);
        }
        for (long argsz = 0; argsz < 16; argsz++) {
            client.ask(Requests.GET_REGION_IO_FDS, Requests.regionIoFds(argsz, 0))
                    .failed(Errno.EINVAL);
            client.ask(
                            Requests.FEATURE,
                            Requests.feature(argsz, MigrationRequests.STATE, Requests.SET)
                                    .u32(MigrationRequests.STOP)
                                    .u32(-1)
                                    .get())
                    .failed(Errno.EINVAL);
        }
        assertThat(MigrationRequests.state(client)).isEqualTo(MigrationRequests.RUNNING);
    }

    /** From the structure on, and one more, and as much as can be. */
    @ParameterizedTest
    @ValueSource(longs = {0, 1, 0xffff_ffffL})
    void shouldTakeEveryArgszOfARequestFromItsStructureOn(long more) {
        var client = negotiated();
        client.ask(
                        Requests.DMA_MAP,
                        Bytes.of().u32(argsz(32, more)).u32(3).u64(0).u64(0).u64(4096).get())
                .succeeded(0);
        client.ask(
                        Requests.DMA_UNMAP,
                        Bytes.of().u32(argsz(24, more)).u32(0).u64(0).u64(4096).get())
                .succeeded(24);
        client.ask(
                        Requests.SET_IRQS,
                        Requests.setIrqs(
                                argsz(20, more), Requests.NONE | Requests.TRIGGER, MSIX, 0, 1))
                .succeeded(0);
        client.ask(Requests.GET_REGION_IO_FDS, Requests.regionIoFds(argsz(16, more), 0))
                .succeeded(16);
        client.ask(
                        Requests.FEATURE,
                        Requests.feature(argsz(16, more), MigrationRequests.STATE, Requests.GET)
                                .get())
                .succeeded(16);
        client.ask(
                        Requests.FEATURE,
                        Requests.feature(argsz(16, more), MigrationRequests.STATE, Requests.SET)
                                .u32(MigrationRequests.RUNNING)
                                .u32(-1)
                                .get())
                .succeeded(16);
    }

    private static long argsz(long exact, long more) {
        return Math.min(exact + more, 0xffff_ffffL);
    }

    @Test
    void shouldRefuseIndexesThatAreNotThere() {
        var client = negotiated();
        for (long index : new long[] {9, 10, 255, 0x7fff_ffffL, 0x8000_0000L, 0xffff_ffffL}) {
            client.ask(Requests.GET_REGION_INFO, Requests.regionInfo(4096, index))
                    .failed(Errno.EINVAL);
            client.ask(Requests.GET_REGION_IO_FDS, Requests.regionIoFds(4096, index))
                    .failed(Errno.EINVAL);
        }
        for (long index : new long[] {5, 6, 255, 0x7fff_ffffL, 0x8000_0000L, 0xffff_ffffL}) {
            client.ask(Requests.GET_IRQ_INFO, Requests.irqInfo(16, index)).failed(Errno.EINVAL);
            client.ask(
                            Requests.SET_IRQS,
                            Requests.setIrqs(Requests.NONE | Requests.TRIGGER, index, 0, 1))
                    .failed(Errno.EINVAL);
        }
    }

    /** INTx has 1, MSI 0, MSI-X 32, ERR and REQ 0. */
    @Test
    void shouldActOnInterruptsThatAreThereAndOnNoOthers() {
        var client = negotiated();
        int[] vectors = {1, 0, Puppet.VECTORS, 0, 0};
        long[] edges = {
            0, 1, 2, 31, 32, 33, 255, 0x7fff_ffffL, 0x8000_0000L, 0xffff_fffeL, 0xffff_ffffL
        };
        for (int index = 0; index < vectors.length; index++) {
            assertThat(
                            client.ask(Requests.GET_IRQ_INFO, Requests.irqInfo(16, index))
                                    .succeeded(16)
                                    .u32(12))
                    .as("interrupts of index %d", index)
                    .isEqualTo(vectors[index]);
            for (long start : edges) {
                for (long count : edges) {
                    if (count == 0) {
                        continue; // which turns an index off
                    }
                    var reply =
                            client.ask(
                                    Requests.SET_IRQS,
                                    Requests.setIrqs(
                                            Requests.NONE | Requests.TRIGGER, index, start, count));
                    if (start + count <= vectors[index]) {
                        reply.succeeded(0);
                    } else {
                        reply.failed(Errno.EINVAL);
                    }
                }
            }
        }
    }

    @Test
    void shouldRefuseFlagsThatAreNotOneDataTypeAndOneAction() {
        var client = negotiated();
        for (int flags = 0; flags < 64; flags++) {
            boolean oneType = Integer.bitCount(flags & 7) == 1;
            boolean oneAction = Integer.bitCount(flags & 0x38) == 1;
            if (!oneType || !oneAction) {
                client.ask(Requests.SET_IRQS, Requests.setIrqs(flags, MSIX, 0, 1))
                        .failed(Errno.EINVAL);
            }
        }
        for (int bit = 6; bit < 32; bit++) {
            long flags = 1L << bit | Requests.NONE | Requests.TRIGGER;
            client.ask(Requests.SET_IRQS, Requests.setIrqs(flags, MSIX, 0, 1)).failed(Errno.EINVAL);
        }
    }

    @Test
    void shouldRefuseBooleansThatAreNotOnePerVector() {
        var client = negotiated();
        for (int sent : new int[] {0, 1, 3, 5, 31, 33, 4096, 1 << 20}) {
            client.ask(
                            Requests.SET_IRQS,
                            Bytes.of()
                                    .raw(
                                            Requests.setIrqs(
                                                    20L + sent,
                                                    Requests.BOOL | Requests.TRIGGER,
                                                    MSIX,
                                                    0,
                                                    4))
                                    .zeros(sent)
                                    .get())
                    .failed(Errno.EINVAL);
        }
        for (long count : new long[] {0x7fff_ffffL, 0x8000_0000L, 0xffff_ffffL}) {
            client.ask(
                            Requests.SET_IRQS,
                            Requests.setIrqs(Requests.BOOL | Requests.TRIGGER, MSIX, 0, count))
                    .failed(Errno.EINVAL);
        }
    }

    @Test
    void shouldHoldWhatMaskedVectorsHaveUntilTheyAreUnmasked() {
        var client = negotiated();
        var fd = closing(EventFd.create());
        client.ask(
                        Requests.SET_IRQS,
                        Requests.setIrqs(Requests.EVENTFD | Requests.TRIGGER, MSIX, 3, 1),
                        fd)
                .succeeded(0);
        for (int i = 0; i < 100; i++) {
            mask(client, Requests.MASK);
            for (int n = 0; n < 5; n++) {
                Transfers.order(client, Puppet.Order.INTERRUPT);
            }
            assertThat(EventFd.take(fd)).as("signals of a masked vector").isEqualTo(-Errno.EAGAIN);
            mask(client, Requests.UNMASK);
            assertThat(EventFd.take(fd)).as("signals when it is unmasked").isEqualTo(1);
            mask(client, Requests.UNMASK);
            assertThat(EventFd.take(fd)).isEqualTo(-Errno.EAGAIN);
        }
    }

    private static void mask(HostileClient client, int action) {
        client.ask(Requests.SET_IRQS, Requests.setIrqs(Requests.NONE | action, MSIX, 3, 1))
                .succeeded(0);
    }

    /** Masked, signalled, and gone: nothing of it is the next client's. */
    @Test
    void shouldForgetWhatIsMaskedAndPendingWithItsClient() {
        for (int i = 0; i < 20; i++) {
            try (var client = HostileClient.connect(socket).negotiate();
                    var fd = EventFd.create()) {
                client.ask(
                                Requests.SET_IRQS,
                                Requests.setIrqs(Requests.EVENTFD | Requests.TRIGGER, MSIX, 3, 1),
                                fd)
                        .succeeded(0);
                assertThat(EventFd.take(fd)).as("what was pending").isEqualTo(-Errno.EAGAIN);
                Transfers.order(client, Puppet.Order.INTERRUPT);
                assertThat(EventFd.take(fd)).as("signals of a vector").isEqualTo(1);
                mask(client, Requests.MASK);
                Transfers.order(client, Puppet.Order.INTERRUPT);
                assertThat(EventFd.take(fd)).as("signals when masked").isEqualTo(-Errno.EAGAIN);
            }
        }
    }

    @Test
    void shouldRefuseMultipleWritesWhoseCountIsALie() {
        var client = negotiated();
        for (long count : new long[] {1, 2, 0x7fff_ffffL, 1L << 32, 1L << 61, 1L << 63, -1}) {
            client.ask(Requests.WRITE_MULTI, Bytes.of().u64(count).zeros(12).get())
                    .failed(Errno.EINVAL);
        }
        for (long bytes : new long[] {9, 0x8000_0000L, 0xffff_ffffL}) {
            client.ask(
                            Requests.WRITE_MULTI,
                            Bytes.of().u64(1).u64(Puppet.RAM).u32(0).u32(bytes).u64(0).get())
                    .failed(Errno.EINVAL);
        }
        client.expectServed();
    }
}
