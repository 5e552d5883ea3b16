package dev.muser.testkit.devices.nvme;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.DmaBuffer;
import dev.muser.client.DmaMemory;
import dev.muser.client.nvme.CompletionQueue;
import dev.muser.client.nvme.ControllerRegisters;
import dev.muser.client.nvme.IoOpcode;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.Status;
import dev.muser.client.nvme.SubmissionQueue;
import dev.muser.device.DmaAccess;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;
import org.junit.jupiter.params.provider.ValueSource;

/** Physical region pages, right and wrong (NVMe base 1.4, 4.3). */
final class NvmePrpTest {
    private static final int PAGE = 4096;
    private static final int BLOCK = 512;
    private static final int ENTRIES = PAGE / 8;

    /** Where nothing is mapped. */
    private static final long NOWHERE = 0x7777_0000_0000L;

    private final PatientStorage storage = new PatientStorage(4 << 20);

    private Disk open(DmaMemory memory) {
        for (int i = 0; i < storage.bytes.byteSize(); i++) {
            storage.bytes.set(JAVA_BYTE, i, (byte) (i >>> 9 ^ i * 7));
        }
        return Disk.of(storage, BLOCK, NvmeDriverOptions.DEFAULTS.withMemory(memory));
    }

    private static int read(Disk disk, int bytes, long prp1, long prp2) {
        return disk.status(e ->
                e.opcode(IoOpcode.READ).nsid(1).cdw12(bytes / BLOCK - 1).prp1(prp1).prp2(prp2));
    }

    private void assertRead(DmaBuffer buffer, long at, long from, long length) {
        assertThat(
                        buffer.segment()
                                .asSlice(at, length)
                                .mismatch(storage.bytes.asSlice(from, length)))
                .as("%d bytes at 0x%x", length, at)
                .isEqualTo(-1);
    }

    private static void entry(DmaBuffer list, long at, long value) {
        list.segment().set(JAVA_LONG, at, value);
    }

    @ParameterizedTest
    @EnumSource(value = DmaMemory.class, mode = Mode.EXCLUDE, names = "HUGE_PAGES")
    void shouldTakeAnyOffsetOfTheFirstPage(DmaMemory memory) {
        try (var disk = open(memory)) {
            var buffer = disk.buffer(3 * PAGE, memory);
            for (int offset : new int[] {0, 4, 508, 512, 2048, 4092}) {
                buffer.segment().fill((byte) 0);
                assertThat(read(disk, PAGE, buffer.iova(offset), buffer.iova(PAGE))).isZero();
                assertRead(buffer, offset, 0, PAGE);
                assertThat(buffer.segment().get(JAVA_BYTE, offset + PAGE)).isZero();
            }
        }
    }

    @ParameterizedTest
    @EnumSource(value = DmaMemory.class, mode = Mode.EXCLUDE, names = "HUGE_PAGES")
    void shouldRefuseOffsetsThatAreNone(DmaMemory memory) {
        try (var disk = open(memory)) {
            var buffer = disk.buffer(4 * PAGE, memory);
            long first = buffer.iova();
            for (int offset : new int[] {1, 2, 3, 4093}) {
                assertThat(read(disk, BLOCK, first + offset, 0))
                        .isEqualTo(Status.INVALID_PRP_OFFSET);
            }
            for (int offset : new int[] {1, 4, 8, 512, 4088}) {
                assertThat(read(disk, 2 * PAGE, first, first + PAGE + offset))
                        .as("second page at 0x%x", offset)
                        .isEqualTo(Status.INVALID_PRP_OFFSET);
            }
            for (int offset : new int[] {1, 2, 4}) {
                assertThat(read(disk, 3 * PAGE, first, first + PAGE + offset))
                        .as("list at 0x%x", offset)
                        .isEqualTo(Status.INVALID_PRP_OFFSET);
            }
            assertThat(storage.asked).isEmpty();
            // what is not needed is not looked at
            assertThat(read(disk, PAGE, first, 3)).isZero();
            assertThat(read(disk, BLOCK, first + PAGE - BLOCK, NOWHERE + 1)).isZero();
        }
    }

    @ParameterizedTest
    @EnumSource(value = DmaMemory.class, mode = Mode.EXCLUDE, names = "HUGE_PAGES")
    void shouldRefuseListEntriesWithAnOffset(DmaMemory memory) {
        try (var disk = open(memory)) {
            var buffer = disk.buffer(8 * PAGE, memory);
            var list = disk.buffer(PAGE, memory);
            for (int bad = 0; bad < 4; bad++) {
                for (int i = 0; i < 4; i++) {
                    entry(list, 8L * i, buffer.iova((1L + i) * PAGE) + (i == bad ? 4 : 0));
                }
                assertThat(read(disk, 5 * PAGE, buffer.iova(), list.iova()))
                        .as("entry %d", bad)
                        .isEqualTo(Status.INVALID_PRP_OFFSET);
            }
            assertThat(storage.asked).isEmpty();
        }
    }

    @ParameterizedTest
    @EnumSource(value = DmaMemory.class, mode = Mode.EXCLUDE, names = "HUGE_PAGES")
    void shouldFollowScatteredPages(DmaMemory memory) {
        try (var disk = open(memory)) {
            int pages = 256;
            var buffer = disk.buffer((long) pages * PAGE, memory);
            var list = disk.buffer(2 * PAGE, memory);
            // backwards, from a list at every place of its page
            for (int start : new int[] {0, 1, 100, ENTRIES - 255, ENTRIES - 254, ENTRIES - 1}) {
                list.segment().fill((byte) 0);
                buffer.segment().fill((byte) 0);
                long at = 8L * start;
                for (int i = 1; i < pages; i++) {
                    if (at == PAGE - 8 && i < pages - 1) {
                        entry(
                                list,
                                at,
                                list.iova(PAGE)); // the last one of a page leads to the next
                        at = PAGE;
                    }
                    entry(list, at, buffer.iova((long) (pages - 1 - i) * PAGE));
                    at += 8;
                }
                int status =
                        read(
                                disk,
                                pages * PAGE,
                                buffer.iova((pages - 1L) * PAGE),
                                list.iova(8L * start));
                assertThat(status).as("list at entry %d", start).isZero();
                for (int i = 0; i < pages; i++) {
                    assertRead(buffer, (long) (pages - 1 - i) * PAGE, (long) i * PAGE, PAGE);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(value = DmaMemory.class, mode = Mode.EXCLUDE, names = "HUGE_PAGES")
    void shouldSurviveAListThatLeadsToItself(DmaMemory memory) {
        try (var disk = open(memory)) {
            var list = disk.buffer(PAGE, memory);
            IntStream.range(0, ENTRIES).forEach(i -> entry(list, 8L * i, list.iova()));
            // its last entry leads to its first one, and all that are there are good pages
            assertThat(read(disk, 1 << 20, list.iova(), list.iova(PAGE - 8))).isZero();
            IntStream.range(0, ENTRIES).forEach(i -> entry(list, 8L * i, list.iova(PAGE - 8)));
            assertThat(read(disk, 1 << 20, list.iova(), list.iova(PAGE - 8)))
                    .isEqualTo(Status.INVALID_PRP_OFFSET);
        }
    }

    @ParameterizedTest
    @EnumSource(value = DmaMemory.class, mode = Mode.EXCLUDE, names = "HUGE_PAGES")
    void shouldRefuseMemoryThatIsNotThere(DmaMemory memory) {
        try (var disk = open(memory)) {
            var buffer = disk.buffer(4 * PAGE, memory);
            var list = disk.buffer(PAGE, memory);
            entry(list, 0, buffer.iova(PAGE));
            entry(list, 8, NOWHERE);
            for (long nowhere :
                    new long[] {NOWHERE, 0, -4096, Long.MIN_VALUE, Long.MAX_VALUE - 4095}) {
                assertThat(read(disk, BLOCK, nowhere, 0)).isEqualTo(Status.DATA_TRANSFER_ERROR);
                assertThat(read(disk, 2 * PAGE, buffer.iova(), nowhere))
                        .isEqualTo(Status.DATA_TRANSFER_ERROR);
                assertThat(read(disk, 3 * PAGE, buffer.iova(), nowhere))
                        .isEqualTo(Status.DATA_TRANSFER_ERROR);
            }
            assertThat(read(disk, 3 * PAGE, buffer.iova(), list.iova()))
                    .isEqualTo(Status.DATA_TRANSFER_ERROR);
            // the end of the address space, and beyond
            assertThat(read(disk, BLOCK, -256 & -4, 0)).isEqualTo(Status.DATA_TRANSFER_ERROR);
            assertThat(read(disk, 2 * BLOCK, -512, 0)).isEqualTo(Status.DATA_TRANSFER_ERROR);
            assertThat(disk.isFatal()).isFalse();
            assertThat(read(disk, BLOCK, buffer.iova(), 0)).isZero();
        }
    }

    @ParameterizedTest
    @EnumSource(value = DmaMemory.class, mode = Mode.EXCLUDE, names = "HUGE_PAGES")
    void shouldRespectWhatMemoryIsFor(DmaMemory memory) {
        try (var disk = open(memory)) {
            var forReading = disk.function.dma().allocate(2 * PAGE, DmaAccess.READ, memory);
            var forWriting = disk.function.dma().allocate(2 * PAGE, DmaAccess.WRITE, memory);
            assertThat(read(disk, BLOCK, forReading.iova(), 0))
                    .isEqualTo(Status.DATA_TRANSFER_ERROR);
            assertThat(forReading.segment().toArray(JAVA_BYTE)).containsOnly(0);
            assertThat(read(disk, BLOCK, forWriting.iova(), 0)).isZero();
            assertRead(forWriting, 0, 0, BLOCK);
            for (int opcode : new int[] {IoOpcode.WRITE, IoOpcode.COMPARE}) {
                var writable = forWriting.iova();
                assertThat(disk.status(e -> Disk.transfer(e, opcode, 0, 1, writable)))
                        .isEqualTo(Status.DATA_TRANSFER_ERROR);
            }
            assertThat(disk.status(e -> Disk.transfer(e, IoOpcode.WRITE, 0, 1, forReading.iova())))
                    .isZero();
        }
    }

    @ParameterizedTest(name = "CC.MPS {0}")
    @ValueSource(ints = {1, 2, 4})
    void shouldTakePagesOfTheSizeThatWasChosen(int shift) {
        int page = PAGE << shift;
        try (var disk = open(DmaMemory.PAGES)) {
            var memory = disk.buffer((1 << 20) + 6L * page, DmaMemory.PAGES);
            long start = -memory.iova() & (page - 1);
            var registers = disk.driver.registers();
            registers.cc(0);
            disk.serveUntil(() -> registers.csts() == 0);
            disk.driver.admin().queue().pair().reset();
            registers.cc(ControllerRegisters.CC_ENTRY_SIZES | 1 | shift << 7);
            var doorbells = disk.driver.doorbells();
            var completions = new CompletionQueue(doorbells, 1, 16, memory, start);
            var queue = new SubmissionQueue(doorbells, completions, 1, 16, memory, start + page);
            disk.driver.admin().createCompletionQueue(completions);
            disk.driver.admin().createSubmissionQueue(queue, 0);
            // 1 MiB less 512 bytes, from 512 bytes into a page on, by a list that ends with its
            // page
            int length = (1 << 20) - BLOCK;
            long list = start + 2L * page;
            long data = start + 4L * page;
            int pages = (1 << 20) / page;
            entry(memory, list + page - 8, memory.iova(list + page));
            for (int i = 1; i < pages; i++) {
                entry(memory, list + page + 8L * (i - 1), memory.iova(data + (long) i * page));
            }
            queue.next()
                    .opcode(IoOpcode.READ)
                    .nsid(1)
                    .cdw12(length / BLOCK - 1)
                    .prp1(memory.iova(data + BLOCK))
                    .prp2(memory.iova(list + page - 8));
            queue.next().opcode(IoOpcode.READ).nsid(1).cdw12(0).prp1(memory.iova(data) + 2);
            // the second page is not one, though it begins at one of 4096 bytes
            queue.next()
                    .opcode(IoOpcode.READ)
                    .nsid(1)
                    .cdw12(page / BLOCK)
                    .prp1(memory.iova(data))
                    .prp2(memory.iova(data + PAGE));
            queue.submit();
            assertThat(disk.await(completions, 3))
                    .extracting(Disk.Done::status)
                    .containsExactly(0, Status.INVALID_PRP_OFFSET, Status.INVALID_PRP_OFFSET);
            assertRead(memory, data + BLOCK, 0, length);
        }
    }
}
