package dev.muser.testkit.devices.nvme;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.DmaMemory;
import dev.muser.client.nvme.AdminOpcode;
import dev.muser.client.nvme.IoOpcode;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.SglList;
import dev.muser.client.nvme.Status;
import dev.muser.device.DmaAccess;
import dev.muser.linux.Fd;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/** Data and queues in memory of several mappings, which adjoin only as the device sees them. */
final class NvmeMappingTest {
    private static final long PAGE = 4096;
    private static final int PAGES = 8;

    /** Far from what the driver's own memory gets. */
    private static final long IOVA = 0x5000_0000_0000L;

    private final PatientStorage storage = new PatientStorage(1 << 20);

    private Disk open() {
        for (int i = 0; i < storage.bytes.byteSize(); i++) {
            storage.bytes.set(JAVA_BYTE, i, (byte) (i >>> 9 ^ i * 7));
        }
        return Disk.of(storage, 512, NvmeDriverOptions.DEFAULTS.withQueues(2));
    }

    /** Pages of a file, each mapped by itself, in the opposite order. */
    private static final class Pages implements AutoCloseable {
        final Fd file = MemoryFile.create("pages", PAGES * PAGE);
        final Mapping mapping = Mapping.shared(file, 0, PAGES * PAGE, Mapping.Access.READ_WRITE);

        Pages(Disk disk, long iova) {
            for (int i = 0; i < PAGES; i++) {
                disk.device.mapDma(
                        iova + i * PAGE,
                        PAGE,
                        DmaAccess.READ_WRITE,
                        file.duplicate(),
                        (PAGES - 1 - i) * PAGE);
            }
        }

        /** Returns the memory behind an address, up to the end of its page. */
        MemorySegment at(long offset) {
            long page = PAGES - 1 - offset / PAGE;
            long inPage = offset % PAGE;
            return mapping.segment().asSlice(page * PAGE + inPage, PAGE - inPage);
        }

        byte[] bytes(long offset, int length) {
            var bytes = new byte[length];
            for (int i = 0; i < length; i++) {
                bytes[i] = at(offset + i).get(JAVA_BYTE, 0);
            }
            return bytes;
        }

        @Override
        public void close() {
            mapping.close();
            file.close();
        }
    }

    private byte[] stored(long offset, int length) {
        return storage.bytes.asSlice(offset, length).toArray(JAVA_BYTE);
    }

    @Test
    void shouldMoveDataAcrossMappings() {
        try (var disk = open()) {
            try (var pages = new Pages(disk, IOVA)) {
                for (int offset : new int[] {0, 1, 511, 4000, 4095}) {
                    int length = 6 * 4096;
                    int status =
                            disk.status(e ->
                                    e.opcode(IoOpcode.READ)
                                            .nsid(1)
                                            .cdw12(length / 512 - 1)
                                            .sgl(IOVA + offset, length, SglList.DATA_BLOCK));
                    assertThat(status).isZero();
                    assertThat(pages.bytes(offset, length)).isEqualTo(stored(0, length));
                }
                // an entry of PRPs stays inside its page, but two of them do not
                assertThat(
                                disk.status(e ->
                                        Disk.transfer(e, IoOpcode.READ, 8, 16, IOVA + PAGE)
                                                .prp2(IOVA + 2 * PAGE)))
                        .isZero();
                assertThat(pages.bytes(PAGE, 8192)).isEqualTo(stored(4096, 8192));
                assertThat(
                                disk.status(e ->
                                        Disk.transfer(e, IoOpcode.COMPARE, 8, 16, IOVA + PAGE)
                                                .prp2(IOVA + 2 * PAGE)))
                        .isZero();
                storage.bytes.asSlice(1 << 19, 8192).fill((byte) 0);
                assertThat(
                                disk.status(e ->
                                        Disk.transfer(e, IoOpcode.WRITE, 1024, 16, IOVA + PAGE)
                                                .prp2(IOVA + 2 * PAGE)))
                        .isZero();
                assertThat(pages.bytes(PAGE, 8192)).isEqualTo(stored(1 << 19, 8192));
            }
        }
    }

    @Test
    void shouldMoveDataAcrossSharedAndPrivateMemory() {
        try (var disk = open()) {
            // the second page of the data has no descriptor: its bytes go by message
            var buffer = disk.buffer(PAGE, DmaMemory.MESSAGES);
            for (int opcode : new int[] {IoOpcode.READ, IoOpcode.COMPARE, IoOpcode.WRITE}) {
                assertThat(
                                disk.status(e ->
                                        Disk.transfer(e, opcode, 3, 16, disk.data().iova())
                                                .prp2(buffer.iova())))
                        .as("opcode %d", opcode)
                        .isZero();
            }
            assertThat(disk.data().segment().asSlice(0, PAGE).toArray(JAVA_BYTE))
                    .isEqualTo(stored(3 * 512, 4096));
            assertThat(buffer.segment().toArray(JAVA_BYTE)).isEqualTo(stored(3 * 512 + 4096, 4096));
        }
    }

    @Test
    void shouldReadListsAtAddressZeroAndAcrossMappings() {
        try (var disk = open()) {
            try (var pages = new Pages(disk, 0)) {
                for (long list : new long[] {0, PAGE - 16}) {
                    for (int i = 0; i < 2; i++) {
                        var descriptor = pages.at(list + 16L * i);
                        descriptor.set(JAVA_LONG, 0, disk.data().iova(100 + 256L * i));
                        descriptor.set(JAVA_LONG, 8, 256);
                    }
                    disk.data().segment().fill((byte) 0);
                    assertThat(
                                    disk.status(e ->
                                            e.opcode(IoOpcode.READ)
                                                    .nsid(1)
                                                    .lba(5)
                                                    .sgl(list, 32, SglList.LAST_SEGMENT)))
                            .as("a list at 0x%x", list)
                            .isZero();
                    assertThat(disk.data().segment().asSlice(100, 512).toArray(JAVA_BYTE))
                            .isEqualTo(stored(5 * 512, 512));
                }
            }
        }
    }

    /** Queues of 128 and 512 entries, of two pages each. */
    @Test
    void shouldUseQueuesThatCrossMappings() {
        try (var disk = open()) {
            try (var pages = new Pages(disk, IOVA)) {
                disk.freeQueue(2);
                int entries = 128;
                long completions = 4 * PAGE;
                assertThat(
                                disk.admin(
                                        AdminOpcode.CREATE_COMPLETION_QUEUE,
                                        e ->
                                                e.prp1(IOVA + completions)
                                                        .cdw10(511 << 16 | 2)
                                                        .cdw11(1)))
                        .isZero();
                assertThat(
                                disk.admin(
                                        AdminOpcode.CREATE_SUBMISSION_QUEUE,
                                        e ->
                                                e.prp1(IOVA)
                                                        .cdw10((entries - 1) << 16 | 2)
                                                        .cdw11(2 << 16 | 1)))
                        .isZero();
                int tail = 0;
                for (int i = 0; i < 2000; i++) {
                    var entry = pages.at(tail * 64L).asSlice(0, 64).fill((byte) 0);
                    entry.set(JAVA_INT, 0, IoOpcode.READ | i << 16);
                    entry.set(JAVA_INT, 4, 1);
                    entry.set(JAVA_LONG, 24, disk.data().iova(512L * (i % 128)));
                    entry.set(JAVA_LONG, 40, i);
                    tail = (tail + 1) % entries;
                    int at = i % 512;
                    int phase = 1 - i / 512 % 2;
                    disk.driver.doorbells().submissionTail(2, tail);
                    var completion = pages.at(completions + 16L * at);
                    disk.serveUntil(() -> (completion.get(JAVA_SHORT, 14) & 1) == phase);
                    assertThat(completion.get(JAVA_SHORT, 12)).isEqualTo((short) i);
                    assertThat(completion.get(JAVA_SHORT, 14) >>> 1).isZero();
                    assertThat(completion.get(JAVA_SHORT, 8)).isEqualTo((short) tail);
                    disk.driver.doorbells().completionHead(2, (at + 1) % 512);
                    assertThat(
                                    disk.data()
                                            .segment()
                                            .asSlice(512L * (i % 128), 512)
                                            .toArray(JAVA_BYTE))
                            .isEqualTo(stored(512L * i, 512));
                }
            }
        }
    }

    @Test
    void shouldFollowAQueueWhoseMemoryIsMappedAnew() {
        try (var disk = open()) {
            try (var pages = new Pages(disk, IOVA)) {
                disk.freeQueue(2);
                assertThat(
                                disk.admin(
                                        AdminOpcode.CREATE_COMPLETION_QUEUE,
                                        e -> e.prp1(IOVA + PAGE).cdw10(15 << 16 | 2).cdw11(1)))
                        .isZero();
                assertThat(
                                disk.admin(
                                        AdminOpcode.CREATE_SUBMISSION_QUEUE,
                                        e -> e.prp1(IOVA).cdw10(15 << 16 | 2).cdw11(2 << 16 | 1)))
                        .isZero();
                for (int i = 0; i < 10; i++) {
                    var entry = pages.at(i % 16 * 64L).asSlice(0, 64).fill((byte) 0);
                    entry.set(JAVA_INT, 0, i << 16); // Flush
                    entry.set(JAVA_INT, 4, 1);
                    disk.driver.doorbells().submissionTail(2, i + 1);
                    var completion = pages.at(PAGE + 16L * i);
                    disk.serveUntil(() -> (completion.get(JAVA_SHORT, 14) & 1) == 1);
                    // while the queues are idle, both pages go and come again, from elsewhere
                    for (int page = 0; page < 2; page++) {
                        disk.device.unmapDma(IOVA + page * PAGE, PAGE);
                        disk.device.mapDma(
                                IOVA + page * PAGE,
                                PAGE,
                                DmaAccess.READ_WRITE,
                                pages.file.duplicate(),
                                (PAGES - 1 - page) * PAGE);
                    }
                }
                assertThat(disk.isFatal()).isFalse();
            }
        }
    }

    @Test
    void shouldHaveTheStorageLetGoOfMemoryThatIsUnmapped() {
        try (var disk = open()) {
            var other = disk.buffer(4096, DmaMemory.PAGES);
            var used = disk.buffer(8192, DmaMemory.PAGES);
            var before = stored(0, 8192);
            storage.holding = true;
            var pair = disk.driver.queue(0).pair();
            Disk.transfer(pair.next(), IoOpcode.READ, 0, 16, used.iova()).cid(1);
            Disk.transfer(pair.next(), IoOpcode.WRITE, 0, 16, used.iova()).cid(2);
            Disk.transfer(pair.next(), IoOpcode.READ, 0, 16, disk.data().iova()).cid(3);
            pair.submit();
            disk.serveUntil(() -> storage.held.size() == 3);
            other.close();
            assertThat(storage.quiesced).isZero();
            used.close();
            assertThat(storage.quiesced).isEqualTo(1);
            storage.release();
            assertThat(disk.await(3))
                    .extracting(Disk.Done::status)
                    .containsExactly(Status.DATA_TRANSFER_ERROR, Status.DATA_TRANSFER_ERROR, 0);
            assertThat(stored(0, 8192)).isEqualTo(before);
            assertThat(disk.status(IoOpcode.READ, 0, 1)).isZero();
        }
    }

    /** As an engine needs them that makes system calls. */
    @Test
    void shouldHaveAddressesAsLongAsItsMemoryIsMapped() {
        try (var disk = open()) {
            var other = disk.buffer(4096, DmaMemory.PAGES);
            var used = disk.buffer(8192, DmaMemory.PAGES);
            storage.holding = true;
            var pair = disk.driver.queue(0).pair();
            Disk.transfer(pair.next(), IoOpcode.READ, 0, 16, used.iova());
            pair.submit();
            disk.serveUntil(() -> storage.held.size() == 1);
            var request = storage.held.element();
            assertThat(request.pieces()).isEqualTo(1);
            long address = request.pieceAddress(0);
            other.close();
            assertThat(request.pieces()).isEqualTo(1);
            assertThat(request.pieceAddress(0)).isEqualTo(address);
            assertThat(request.pieceLength(0)).isEqualTo(8192);
            used.close();
            assertThat(request.pieces()).isZero();
            storage.release();
            assertThat(disk.await(1))
                    .extracting(Disk.Done::status)
                    .containsExactly(Status.DATA_TRANSFER_ERROR);
        }
    }
}
