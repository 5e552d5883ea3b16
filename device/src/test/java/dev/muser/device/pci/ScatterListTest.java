package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.muser.device.DmaAccess;
import dev.muser.device.DmaCompletion;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SAME_THREAD)
class ScatterListTest {
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment buffer = arena.allocate(0x8000, 8);
    private final GuestMemory memory = new GuestMemory(1000, 1L << 40);
    private final FakePort port = new FakePort(0x10000);
    private final ScatterList list = memory.scatterList();
    private final Fd file = MemoryFile.create("scatter-list-test", 0x8000);

    @BeforeEach
    void attach() {
        MemoryFile.seal(file, MemoryFile.SEAL_SHRINK);
        memory.attach(port);
        for (int i = 0; i < 0x8000; i++) {
            buffer.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 31 + i / 256));
        }
    }

    @AfterEach
    void close() {
        memory.detach();
        file.close();
        arena.close();
    }

    private void map(long iova, long size, long offset) {
        memory.map(iova, size, DmaAccess.READ_WRITE, file.duplicate(), offset);
    }

    private void fill(long... rangesAndLengths) {
        list.clear();
        for (int i = 0; i < rangesAndLengths.length; i += 2) {
            list.add(rangesAndLengths[i], rangesAndLengths[i + 1]);
        }
    }

    @Test
    void shouldMovePartsAtOnceAndSayWhereTheyLie() {
        map(0x10000, 0x2000, 0);
        map(0x20000, 0x1000, 0x4000);
        fill(0x11f00, 0x100, 0x20000, 0x200);
        assertThat(list.resolve(DmaAccess.READ_WRITE)).isZero();
        assertThat(list.isShared()).isTrue();
        assertThat(list.writeNow(0xf0, buffer, 0x40, 0x20)).isZero();
        assertThat(list.readNow(0xe0, buffer, 0x1000, 0x40)).isZero();
        assertThat(buffer.asSlice(0x1010, 0x20).mismatch(buffer.asSlice(0x40, 0x20))).isEqualTo(-1);
        assertThat(list.address(1) - list.address(0)).isEqualTo(0x4000 - 0x1f00);
        assertThatExceptionOfType(IndexOutOfBoundsException.class)
                .isThrownBy(() -> list.readNow(0x2f0, buffer, 0, 0x20));
        memory.unmap(0x20000, 0x1000);
        assertThatIllegalStateException().isThrownBy(() -> list.address(0));
        assertThat(list.readNow(0, buffer, 0, 8)).isEqualTo(Errno.EFAULT);
    }

    @Test
    void shouldTellMemoryThatMustBeAskedFor() {
        map(0x10000, 0x1000, 0);
        memory.map(0x11000, 0x1000, DmaAccess.READ_WRITE, null, 0);
        fill(0x10f00, 0x200);
        assertThat(list.resolve(DmaAccess.READ)).isZero();
        assertThat(list.isShared()).isFalse();
        fill(0x10f00, 0x100);
        assertThat(list.resolve(DmaAccess.READ)).isZero();
        assertThat(list.isShared()).isTrue();
    }

    @Test
    void shouldTellWhatItOverlaps() {
        fill(0x1000, 0x100, -0x1000, 0x1000);
        assertThat(list.overlaps(0xfff, 1)).isFalse();
        assertThat(list.overlaps(0x10ff, 1)).isTrue();
        assertThat(list.overlaps(0x1100, 0x1000)).isFalse();
        assertThat(list.overlaps(0, 0x10000)).isTrue();
        assertThat(list.overlaps(-1, 1)).isTrue();
    }

    @Test
    void shouldGatherAndScatterRangesInTheirOrder() {
        map(0x10000, 0x2000, 0);
        fill(0x11000, 0x100, 0x10000, 0x80, 0x11f00, 0x100);
        assertThat(list.length()).isEqualTo(0x280);
        var written = new Outcome();
        list.copyFrom(buffer.asSlice(0, 0x280), written);
        assertThat(written.errno()).isZero();
        var first = memory.direct(0x11000, 0x100, DmaAccess.READ);
        assertThat(first).isNotNull();
        if (first != null) {
            assertThat(first.mismatch(buffer.asSlice(0, 0x100))).isEqualTo(-1);
        }
        var copy = buffer.asSlice(0x1000, 0x280);
        var read = new Outcome();
        list.copyTo(copy, read);
        assertThat(read.errno()).isZero();
        assertThat(copy.mismatch(buffer.asSlice(0, 0x280))).isEqualTo(-1);
    }

    @Test
    void shouldCompleteOnceWhenSomeMemoryHasToBeAskedFor() {
        map(0x0000, 0x1000, 0);
        memory.map(0x1000, 0x1000, DmaAccess.READ_WRITE, null, 0);
        map(0x2000, 0x1000, 0x1000);
        fill(0x800, 0x2000, 0x1100, 0x10);
        var written = new Outcome();
        list.copyFrom(buffer.asSlice(0, 0x2010), written);
        assertThat(written.errno()).isEqualTo(Outcome.PENDING);
        assertThat(port.pending()).isEqualTo(2);
        port.answer();
        assertThat(written.errno()).isZero();
        fill(0x800, 0x800, 0x1000, 0x100, 0x1110, 0xef0, 0x2000, 0x800);
        var copy = buffer.asSlice(0x4000, 0x1ff0);
        var read = new Outcome();
        list.copyTo(copy, read);
        port.answer();
        assertThat(read.errno()).isZero();
        assertThat(copy.asSlice(0, 0x900).mismatch(buffer.asSlice(0, 0x900))).isEqualTo(-1);
        assertThat(copy.asSlice(0x900).mismatch(buffer.asSlice(0x910, 0x16f0))).isEqualTo(-1);
        port.failWith(Errno.EIO);
        var failed = new Outcome();
        list.copyTo(copy, failed);
        port.answer();
        assertThat(failed.errno()).isEqualTo(Errno.EIO);
    }

    @Test
    void shouldJoinPagesThatFollowEachOtherInTheFile() {
        for (int i = 0; i < 4; i++) {
            map(i * 0x1000L, 0x1000, i * 0x1000L);
        }
        map(0x4000, 0x1000, 0x6000);
        fill(0x800, 0x4000);
        assertThat(list.resolve(DmaAccess.READ)).isZero();
        assertThat(list.pieces()).isEqualTo(2);
        assertThat(list.pieceLength(0)).isEqualTo(0x3800);
        assertThat(list.pieceLength(1)).isEqualTo(0x800);
        assertThat(list.direct(0, DmaAccess.READ))
                .isNotNull()
                .returns(0x3800L, MemorySegment::byteSize)
                .returns(true, MemorySegment::isReadOnly);
        var out = new Outcome();
        list.copyFrom(buffer.asSlice(0, 0x4000), out);
        assertThat(out.errno()).isZero();
        assertThat(file.readAt(0x800, buffer, 0x4000, 0x3800)).isEqualTo(0x3800);
        assertThat(buffer.asSlice(0x4000, 0x3800).mismatch(buffer.asSlice(0, 0x3800)))
                .isEqualTo(-1);
    }

    @Test
    void shouldRefuseWhatCannotBeUsedAndMoveNothing() {
        map(0, 0x1000, 0);
        memory.map(0x1000, 0x1000, DmaAccess.READ, null, 0);
        var out = new Outcome();
        fill(0, 8, 0x1000, 8);
        list.copyFrom(buffer.asSlice(8, 16), out);
        assertThat(out.errno()).isEqualTo(Errno.EACCES);
        assertThat(list.resolve(DmaAccess.READ_WRITE)).isEqualTo(Errno.EACCES);
        fill(0, 8, 0x3000, 8);
        var unmapped = new Outcome();
        list.copyFrom(buffer.asSlice(8, 16), unmapped);
        assertThat(unmapped.errno()).isEqualTo(Errno.EFAULT);
        fill(-8, 16);
        assertThat(list.resolve(DmaAccess.READ)).isEqualTo(Errno.EFAULT);
        assertThat(list.pieces()).isZero();
        assertThat(file.readAt(0, buffer, 0, 8)).isEqualTo(8);
        assertThat(buffer.get(ValueLayout.JAVA_LONG, 0)).isZero();
        assertThatIllegalArgumentException().isThrownBy(() -> list.add(0, -1));
        assertThatIllegalArgumentException().isThrownBy(() -> list.add(0, Long.MAX_VALUE));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> list.copyTo(buffer.asSlice(0, 8), new Outcome()));
    }

    @Test
    void shouldNotGiveOutPiecesOfMemoryThatIsUnmapped() {
        map(0, 0x1000, 0);
        map(0x1000, 0x1000, 0x2000);
        fill(0, 0x10);
        assertThat(list.resolve(DmaAccess.READ)).isZero();
        assertThat(list.direct(0, DmaAccess.READ)).isNotNull();
        memory.unmap(0, 0x1000);
        assertThat(list.direct(0, DmaAccess.READ)).isNull();
        var out = new Outcome();
        list.copyTo(buffer.asSlice(0, 0x10), out);
        assertThat(out.errno()).isEqualTo(Errno.EFAULT);
    }

    @Test
    void shouldStayUsableWhenOtherMemoryIsUnmapped() {
        map(0, 0x1000, 0);
        map(0x1000, 0x1000, 0x2000);
        map(0x4000, 0x1000, 0x4000);
        fill(0xff8, 0x10);
        assertThat(list.resolve(DmaAccess.WRITE)).isZero();
        memory.unmap(0x4000, 0x1000);
        buffer.asSlice(0, 0x10).fill((byte) 7);
        assertThat(list.writeNow(0, buffer, 0, 0x10)).isZero();
        assertThat(file.readAt(0x2000, buffer, 0x100, 8)).isEqualTo(8);
        assertThat(buffer.get(ValueLayout.JAVA_BYTE, 0x107)).isEqualTo((byte) 7);
        assertThat(list.refresh()).isZero();
        assertThat(list.pieces()).isEqualTo(2);
        // but not when it is its own
        memory.unmap(0x1000, 0x1000);
        assertThat(list.writeNow(0, buffer, 0, 0x10)).isEqualTo(Errno.EFAULT);
        assertThat(list.writeNow(0, buffer, 0, 0x10)).isEqualTo(Errno.EFAULT);
        assertThat(list.refresh()).isEqualTo(Errno.EFAULT);
        assertThat(list.pieces()).isZero();
        // nor for what the memory that is there now does not allow
        memory.map(0x1000, 0x1000, DmaAccess.READ, null, 0);
        assertThat(list.refresh()).isEqualTo(Errno.EACCES);
    }

    @Test
    void shouldCompleteAnEmptyListAtOnce() {
        fill(0x9999, 0);
        var out = new Outcome();
        list.copyTo(buffer.asSlice(0, 0), out);
        assertThat(out.errno()).isZero();
    }

    @Test
    void shouldAllocateNothingOnceItHasGrown() {
        for (int i = 0; i < 8; i++) {
            map(i * 0x2000L, 0x1000, i * 0x1000L);
        }
        var errors = new int[1];
        DmaCompletion completion = errno -> errors[0] |= errno;
        var data = buffer.asSlice(0, 8 * 512);
        Runnable loop =
                () -> {
                    for (int i = 0; i < 20_000; i++) {
                        list.clear();
                        for (int j = 0; j < 8; j++) {
                            list.add(j * 0x2000L + (i & 0x7ff), 512);
                        }
                        list.copyTo(data, completion);
                        list.copyFrom(data, completion);
                    }
                };
        assertThat(Allocation.of(loop)).isZero();
        assertThat(errors[0]).isZero();
    }
}
