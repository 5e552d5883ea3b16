package dev.muser.testkit.devices.nvme;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.DmaMemory;
import dev.muser.client.nvme.IoOpcode;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.SglList;
import dev.muser.client.nvme.Status;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

/** Scatter gather lists, right and wrong (NVMe base 1.4, 4.4). */
final class NvmeSglTest {
    private static final int BLOCK = 512;
    private static final int ENTRY = SglList.ENTRY_SIZE;
    private static final long NOWHERE = 0x7777_0000_0000L;

    private final PatientStorage storage = new PatientStorage(4 << 20);

    private Disk open(DmaMemory memory) {
        for (int i = 0; i < storage.bytes.byteSize(); i++) {
            storage.bytes.set(JAVA_BYTE, i, (byte) (i >>> 9 ^ i * 7));
        }
        return Disk.of(storage, BLOCK, NvmeDriverOptions.DEFAULTS.withMemory(memory));
    }

    /** Reads so many blocks by a descriptor in the command. */
    private static int read(Disk disk, int blocks, long address, int length, int type) {
        return disk.status(
                e -> e.opcode(IoOpcode.READ).nsid(1).cdw12(blocks - 1).sgl(address, length, type));
    }

    private static int read(Disk disk, int blocks, SglList list, int descriptors) {
        return read(disk, blocks, list.iova(), descriptors * ENTRY, SglList.LAST_SEGMENT);
    }

    @ParameterizedTest
    @EnumSource(value = DmaMemory.class, mode = Mode.EXCLUDE, names = "HUGE_PAGES")
    void shouldMoveOneBlockOfDataAtAnyAddress(DmaMemory memory) {
        try (var disk = open(memory)) {
            var buffer = disk.buffer(1 << 16, memory);
            for (int offset : new int[] {0, 1, 3, 4, 511, 4095}) {
                buffer.segment().fill((byte) 0);
                assertThat(read(disk, 17, buffer.iova(offset), 17 * BLOCK, SglList.DATA_BLOCK))
                        .isZero();
                assertThat(
                                buffer.segment()
                                        .asSlice(offset, 17 * BLOCK)
                                        .mismatch(storage.bytes.asSlice(0, 17 * BLOCK)))
                        .isEqualTo(-1);
                assertThat(buffer.segment().get(JAVA_BYTE, offset + 17 * BLOCK)).isZero();
            }
        }
    }

    @ParameterizedTest
    @EnumSource(value = DmaMemory.class, mode = Mode.EXCLUDE, names = "HUGE_PAGES")
    void shouldMoveDataInOddPieces(DmaMemory memory) {
        try (var disk = open(memory)) {
            var buffer = disk.buffer(1 << 16, memory);
            var list = new SglList(disk.buffer(1 << 16, memory), 8, 1024);
            int[] lengths = {1, 0, 510, 1, 0, 4096, 3, 509, 0};
            list.begin();
            long at = 60_000;
            for (int length : lengths) {
                at -= length + 7;
                list.dataBlock(length == 0 ? NOWHERE : buffer.iova(at), length);
            }
            assertThat(read(disk, 10, list, lengths.length)).isZero();
            at = 60_000;
            long from = 0;
            for (int length : lengths) {
                at -= length + 7;
                assertThat(
                                buffer.segment()
                                        .asSlice(at, length)
                                        .mismatch(storage.bytes.asSlice(from, length)))
                        .isEqualTo(-1);
                from += length;
            }
        }
    }

    @ParameterizedTest
    @EnumSource(value = DmaMemory.class, mode = Mode.EXCLUDE, names = "HUGE_PAGES")
    void shouldFollowSegments(DmaMemory memory) {
        try (var disk = open(memory)) {
            var buffer = disk.buffer(1 << 16, memory);
            var lists = disk.buffer(1 << 16, memory);
            var last = new SglList(lists, 0, 300).begin();
            for (int i = 0; i < 300; i++) {
                last.dataBlock(buffer.iova(2048 + 4L * i), 4);
            }
            var middle = new SglList(lists, 8192, 3).begin();
            middle.dataBlock(buffer.iova(1000), 1000);
            middle.dataBlock(buffer.iova(8192), 1 + 4096 - 2201);
            middle.segment(last.iova(), 300 * ENTRY, true);
            var first = new SglList(lists, 12288, 2).begin();
            first.dataBlock(buffer.iova(), 0).segment(middle.iova(), 3 * ENTRY, false);
            // 0 + 1000 + 1896 + 1200 bytes
            assertThat(read(disk, 8, first.iova(), 2 * ENTRY, SglList.SEGMENT)).isZero();
            assertThat(
                            buffer.segment()
                                    .asSlice(1000, 1000)
                                    .mismatch(storage.bytes.asSlice(0, 1000)))
                    .isEqualTo(-1);
            assertThat(
                            buffer.segment()
                                    .asSlice(8192, 1896)
                                    .mismatch(storage.bytes.asSlice(1000, 1896)))
                    .isEqualTo(-1);
            assertThat(
                            buffer.segment()
                                    .asSlice(2048, 1200)
                                    .mismatch(storage.bytes.asSlice(2896, 1200)))
                    .isEqualTo(-1);
        }
    }

    @ParameterizedTest
    @EnumSource(value = DmaMemory.class, mode = Mode.EXCLUDE, names = "HUGE_PAGES")
    void shouldRefuseTypesThatItDoesNotHave(DmaMemory memory) {
        try (var disk = open(memory)) {
            var buffer = disk.buffer(8192, memory);
            int[] types = {
                SglList.BIT_BUCKET,
                SglList.KEYED_DATA_BLOCK,
                0x50,
                0x60,
                0x80,
                0xe0,
                0xf0, // types
                0x01,
                0x02,
                0x0a,
                0x0f,
                0x21,
                0x31,
                0x3f,
                0x41,
                0x4f // sub types
            };
            var list = new SglList(disk.buffer(4096, memory), 0, 2);
            for (int type : types) {
                assertThat(read(disk, 1, buffer.iova(), BLOCK, type))
                        .as("type 0x%02x", type)
                        .isEqualTo(Status.SGL_TYPE_INVALID);
                list.begin().dataBlock(buffer.iova(), BLOCK).add(buffer.iova(), 0, type);
                assertThat(read(disk, 1, list, 2))
                        .as("type 0x%02x in a list", type)
                        .isEqualTo(Status.SGL_TYPE_INVALID);
            }
            assertThat(storage.asked).isEmpty();
        }
    }

    @ParameterizedTest
    @EnumSource(value = DmaMemory.class, mode = Mode.EXCLUDE, names = "HUGE_PAGES")
    void shouldRefuseDataThatAreTooShortOrTooLong(DmaMemory memory) {
        try (var disk = open(memory)) {
            var buffer = disk.buffer(8192, memory);
            for (int length : new int[] {0, 1, 1023, 1025, 4096, -1, Integer.MIN_VALUE}) {
                assertThat(read(disk, 2, buffer.iova(), length, SglList.DATA_BLOCK))
                        .as("%d bytes", Integer.toUnsignedLong(length))
                        .isEqualTo(Status.DATA_SGL_LENGTH_INVALID);
            }
            var list = new SglList(disk.buffer(4096, memory), 0, 16);
            list.begin().dataBlock(buffer.iova(), 512).dataBlock(buffer.iova(), 511);
            assertThat(read(disk, 2, list, 2)).isEqualTo(Status.DATA_SGL_LENGTH_INVALID);
            list.begin().dataBlock(buffer.iova(), 512).dataBlock(buffer.iova(), 513);
            assertThat(read(disk, 2, list, 2)).isEqualTo(Status.DATA_SGL_LENGTH_INVALID);
            list.begin().dataBlock(buffer.iova(), 1024).dataBlock(buffer.iova(), -1);
            assertThat(read(disk, 2, list, 2)).isEqualTo(Status.DATA_SGL_LENGTH_INVALID);
            assertThat(storage.asked).isEmpty();
        }
    }

    @ParameterizedTest
    @EnumSource(value = DmaMemory.class, mode = Mode.EXCLUDE, names = "HUGE_PAGES")
    void shouldRefuseSegmentsThatAreNone(DmaMemory memory) {
        try (var disk = open(memory)) {
            var buffer = disk.buffer(8192, memory);
            var lists = disk.buffer(8192, memory);
            var list = new SglList(lists, 0, 16);
            list.begin().dataBlock(buffer.iova(), BLOCK);
            int invalid = Status.INVALID_SGL_SEGMENT;
            for (int type : new int[] {SglList.SEGMENT, SglList.LAST_SEGMENT}) {
                for (int length : new int[] {0, 1, 15, 17, 31, 0xffff_ffff}) {
                    assertThat(read(disk, 1, list.iova(), length, type))
                            .as("type 0x%02x, %d bytes", type, length)
                            .isEqualTo(invalid);
                }
                assertThat(read(disk, 1, NOWHERE, ENTRY, type))
                        .isEqualTo(Status.DATA_TRANSFER_ERROR);
            }
            // nothing follows the last segment
            for (boolean isLast : new boolean[] {true, false}) {
                list.begin()
                        .dataBlock(buffer.iova(), BLOCK)
                        .segment(lists.iova(4096), ENTRY, isLast);
                assertThat(read(disk, 1, list, 2)).isEqualTo(invalid);
                // and a segment is announced by the last descriptor of another
                list.begin()
                        .segment(lists.iova(4096), ENTRY, isLast)
                        .dataBlock(buffer.iova(), BLOCK);
                assertThat(read(disk, 1, list.iova(), 2 * ENTRY, SglList.SEGMENT))
                        .isEqualTo(invalid);
            }
            assertThat(storage.asked).isEmpty();
        }
    }

    @ParameterizedTest
    @EnumSource(value = DmaMemory.class, mode = Mode.EXCLUDE, names = "HUGE_PAGES")
    void shouldEndListsThatNeverEnd(DmaMemory memory) {
        try (var disk = open(memory)) {
            var lists = disk.buffer(1 << 20, memory);
            var list = new SglList(lists, 0, 1 << 16);
            list.begin().segment(list.iova(), ENTRY, false);
            assertThat(read(disk, 1, list.iova(), ENTRY, SglList.SEGMENT))
                    .as("a loop")
                    .isIn(Status.INVALID_SGL_SEGMENT, Status.INVALID_SGL_COUNT);
            lists.segment().fill((byte) 0); // 65536 data blocks of no bytes
            int all = (1 << 16) * ENTRY;
            for (int type : new int[] {SglList.SEGMENT, SglList.LAST_SEGMENT}) {
                assertThat(read(disk, 1, list.iova(), all, type))
                        .as("empty descriptors")
                        .isEqualTo(Status.INVALID_SGL_COUNT);
                assertThat(read(disk, 1, list.iova(), 0xffff_fff0, type))
                        .as("more of them than there is memory")
                        .isEqualTo(Status.INVALID_SGL_COUNT);
            }
            assertThat(storage.asked).isEmpty();
            assertThat(disk.isFatal()).isFalse();
        }
    }

    @ParameterizedTest
    @EnumSource(value = DmaMemory.class, mode = Mode.EXCLUDE, names = "HUGE_PAGES")
    void shouldRefuseMemoryThatIsNotThere(DmaMemory memory) {
        try (var disk = open(memory)) {
            var buffer = disk.buffer(8192, memory);
            for (long nowhere : new long[] {NOWHERE, -1, -256, buffer.iova() + (1L << 40)}) {
                assertThat(read(disk, 1, nowhere, BLOCK, SglList.DATA_BLOCK))
                        .isEqualTo(Status.DATA_TRANSFER_ERROR);
                assertThat(read(disk, 1, nowhere, ENTRY, SglList.LAST_SEGMENT))
                        .isEqualTo(Status.DATA_TRANSFER_ERROR);
            }
            assertThat(disk.isFatal()).isFalse();
            assertThat(read(disk, 1, buffer.iova(), BLOCK, SglList.DATA_BLOCK)).isZero();
        }
    }
}
