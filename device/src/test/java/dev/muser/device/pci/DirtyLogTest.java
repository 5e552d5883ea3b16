package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.DirtyLog;
import dev.muser.device.DirtyLog.Range;
import dev.muser.device.DmaAccess;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which pages are reported, for each way in which a device writes. */
class DirtyLogTest extends GuestMemoryFixture {
    private static final long PAGE = 4096;
    private final DirtyLog log = memory.log();

    /** Sixteen pages from 0x10000 on, and sixteen that the client has to be asked for. */
    @BeforeEach
    void map() {
        memory.attach(new FakePort(0x40000));
        memory.map(0x10000, 0x10000, DmaAccess.READ_WRITE, sealed(0x10000), 0);
        memory.map(0x20000, 0x10000, DmaAccess.READ_WRITE, null, 0);
    }

    private BitSet report(long iova, long length, long pageSize) {
        long bytes = DirtyLog.bitmapBytes(length, pageSize);
        MemorySegment bitmap = arena.allocate(bytes + 16);
        bitmap.fill((byte) 0xff);
        log.report(iova, length, pageSize, bitmap, 8);
        assertThat(bitmap.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(-1);
        assertThat(bitmap.get(ValueLayout.JAVA_LONG, bytes + 8)).isEqualTo(-1);
        return BitSet.valueOf(bitmap.asSlice(8, bytes).asByteBuffer());
    }

    private BitSet report() {
        return report(0x10000, 0x10000, PAGE);
    }

    private static BitSet pages(int... pages) {
        var set = new BitSet();
        for (int page : pages) {
            set.set(page);
        }
        return set;
    }

    private void start() {
        log.start(PAGE, List.of());
    }

    private ScatterList list(long... ranges) {
        var list = memory.scatterList();
        for (int i = 0; i < ranges.length; i += 2) {
            list.add(ranges[i], ranges[i + 1]);
        }
        return list;
    }

    @Test
    void shouldLogWhatIsWrittenAndForgetWhatIsReported() {
        write(0x11000, 1);
        start();
        assertThat(report()).isEqualTo(pages());
        assertThat(write(0x12fff, 2)).isZero();
        assertThat(write(0x15000, 0x3000)).isZero();
        assertThat(read(0x1a000, 0x1000)).isZero();
        assertThat(report()).isEqualTo(pages(2, 3, 5, 6, 7));
        assertThat(report()).isEqualTo(pages());
        assertThat(write(0x12000, 1)).isZero();
        assertThat(report()).isEqualTo(pages(2));
    }

    @Test
    void shouldLogTheSamePageAgainAfterAReport() {
        start();
        write(0x12000, 1);
        assertThat(report()).isEqualTo(pages(2));
        write(0x12000, 1);
        assertThat(report()).isEqualTo(pages(2));
    }

    @Test
    void shouldLogNothingAnyMoreOnceItIsStopped() {
        start();
        write(0x12000, 1);
        log.stop();
        refused(Errno.EINVAL, this::report);
        start();
        assertThat(report()).isEqualTo(pages());
    }

    @Test
    void shouldNotLogWhatIsRefused() {
        memory.map(0x40000, 0x1000, DmaAccess.READ, sealed(0x1000), 0);
        start();
        assertThat(write(0x40000, 1)).isEqualTo(Errno.EACCES);
        assertThat(write(0xf000, 0x2000)).isEqualTo(Errno.EFAULT);
        assertThat(report(0, 0x80000, PAGE)).isEqualTo(pages());
    }

    /** The client does those itself. */
    @Test
    void shouldNotLogWhatGoesByMessage() {
        start();
        var list = list(0x21000, 0x100, 0x12000, 0x100);
        list.copyFrom(buffer.asSlice(0, 0x200), new Outcome());
        memory.write(0x1ff00, buffer.asSlice(0, 0x200), new Outcome());
        assertThat(report(0x10000, 0x20000, PAGE)).isEqualTo(pages(2, 15));
    }

    /** As a device does that is there to test clients. */
    @Test
    void shouldNotLogSharedMemoryThatIsWrittenByMessage() {
        var port = new FakePort(0x40000);
        memory.attach(port);
        start();
        var outcome = new Outcome();
        buffer.set(ValueLayout.JAVA_BYTE, 0, (byte) 7);
        memory.writeByMessage(0x12000, buffer.asSlice(0, 16), outcome);
        assertThat(port.pending()).isEqualTo(1);
        port.answer();
        assertThat(outcome.errno()).isZero();
        assertThat(port.memory[0x12000]).isEqualTo((byte) 7);
        var read = new Outcome();
        memory.readByMessage(0x12000, buffer.asSlice(32, 1), read);
        port.answer();
        assertThat(read.errno()).isZero();
        assertThat(buffer.get(ValueLayout.JAVA_BYTE, 32)).isEqualTo((byte) 7);
        var nowhere = new Outcome();
        memory.readByMessage(0x40000, buffer.asSlice(32, 1), nowhere);
        assertThat(nowhere.errno()).isEqualTo(Errno.EFAULT);
        assertThat(report()).isEqualTo(pages());
    }

    @Test
    void shouldLogEachWayToWrite() {
        start();
        var window = memory.window();
        window.set(0x11000, 0x4000, DmaAccess.WRITE);
        assertThat(window.writeNow(0x10, buffer, 0, 8)).isZero();
        assertThat(window.store32(0x1ffc, 1)).isZero();
        assertThat(window.store128(0x3000, 1, 2)).isZero();
        assertThat(window.readNow(0x2000, buffer, 0, 8)).isZero();
        assertThat(report()).isEqualTo(pages(1, 2, 4));
        assertThat(memory.writeNow(0x16000, buffer, 0, 0x1001)).isZero();
        assertThat(report()).isEqualTo(pages(6, 7));
        assertThat(memory.writeNow(0x16000, buffer, 0, 0)).isZero();
        assertThat(window.writeNow(0, buffer, 0, 0)).isZero();
        assertThat(report()).isEqualTo(pages());
        list(0x13000, 0x10, 0x18ff0, 0x20).copyFrom(buffer.asSlice(0, 0x30), new Outcome());
        assertThat(report()).isEqualTo(pages(3, 8, 9));
        list(0x13000, 0x10, 0x18ff0, 0x20).copyTo(buffer.asSlice(0, 0x30), new Outcome());
        assertThat(report()).isEqualTo(pages());
    }

    @Test
    void shouldLogThePartOfAListThatIsWritten() {
        start();
        var list = list(0x11000, 0x1000, 0x15000, 0x1000, 0x13000, 0x1000);
        assertThat(list.resolve(DmaAccess.WRITE)).isZero();
        assertThat(list.writeNow(0x1800, buffer, 0, 0x1000)).isZero();
        assertThat(report()).isEqualTo(pages(3, 5));
        assertThat(list.readNow(0, buffer, 0, 0x3000)).isZero();
        assertThat(report()).isEqualTo(pages());
    }

    /** They make one piece of the list, and not of the client's addresses. */
    @Test
    void shouldLogAddressesThatOnlyTheFileJoins() {
        try (var file = sealed(0x2000)) {
            memory.map(0x70000, 0x1000, DmaAccess.READ_WRITE, file.duplicate(), 0);
            memory.map(0x50000, 0x1000, DmaAccess.READ_WRITE, file.duplicate(), 0x1000);
        }
        start();
        var list = list(0x70000, 0x1000, 0x50000, 0x1000);
        list.copyFrom(buffer.asSlice(0, 0x2000), new Outcome());
        assertThat(list.pieces()).isEqualTo(1);
        assertThat(report(0x50000, 0x30000, PAGE)).isEqualTo(pages(0, 0x20));
        assertThat(list.writeNow(0x1000, buffer, 0, 1)).isZero();
        assertThat(report(0x50000, 0x30000, PAGE)).isEqualTo(pages(0));
    }

    @Test
    void shouldLogSegmentsWhenTheyAreHandedOutForWriting() {
        start();
        Objects.requireNonNull(memory.direct(0x11ff0, 0x20, DmaAccess.WRITE));
        Objects.requireNonNull(memory.direct(0x15000, 0x20, DmaAccess.READ));
        assertThat(report()).isEqualTo(pages(1, 2));
        memory.writing(0x12000, 8);
        memory.writing(0x14000, 0);
        assertThat(report()).isEqualTo(pages(2));
        var list = list(0x11000, 0x100, 0x13000, 0x100);
        assertThat(list.resolve(DmaAccess.WRITE)).isZero();
        Objects.requireNonNull(list.direct(1, DmaAccess.WRITE));
        Objects.requireNonNull(list.direct(0, DmaAccess.READ));
        assertThat(report()).isEqualTo(pages(3));
    }

    @Test
    void shouldReportWhatTheSystemIsWritingUntilItIsOver() {
        var early = list(0x11000, 0x100);
        early.beginWrites();
        start();
        var late = list(0x13f00, 0x200);
        late.beginWrites();
        assertThat(report()).isEqualTo(pages(1, 3, 4));
        assertThat(report()).isEqualTo(pages(1, 3, 4));
        early.endWrites();
        early.endWrites();
        assertThat(report()).as("once after its end").isEqualTo(pages(1, 3, 4));
        assertThat(report()).isEqualTo(pages(3, 4));
        late.endWrites();
        assertThat(report()).isEqualTo(pages(3, 4));
        assertThat(report()).isEqualTo(pages());
    }

    @Test
    void shouldReportWhatHasBeenUnmapped() {
        start();
        write(0x12000, 1);
        memory.unmap(0x10000, 0x10000);
        assertThat(report()).isEqualTo(pages(2));
        assertThat(report()).isEqualTo(pages());
    }

    @Test
    void shouldReportOverMappingsAndGaps() {
        memory.map(0x40000, 0x2000, DmaAccess.READ_WRITE, sealed(0x2000), 0);
        memory.map(0x42000, 0x2000, DmaAccess.READ_WRITE, sealed(0x2000), 0);
        start();
        write(0x41fff, 2);
        write(0x1f000, 1);
        assertThat(report(0x1e000, 0x28000, PAGE)).isEqualTo(pages(1, 0x23, 0x24));
    }

    @Test
    void shouldForgetNoMoreThanWasAskedFor() {
        start();
        write(0x11000, 0x5000);
        assertThat(report(0x12000, 0x2000, PAGE)).isEqualTo(pages(0, 1));
        assertThat(report()).isEqualTo(pages(1, 4, 5));
    }

    @Test
    void shouldReportByPagesOfTheClientsChoice() {
        start();
        write(0x11000, 1);
        write(0x16000, 0x2000);
        assertThat(report(0x10000, 0x10000, 0x4000)).isEqualTo(pages(0, 1));
        write(0x11000, 1);
        assertThat(report(0x10000, 0x3000, 1024)).isEqualTo(pages(4, 5, 6, 7));
        assertThat(report()).isEqualTo(pages());
        write(0x11000, 0x1001);
        assertThat(report(0x10800, 0x2000, 0x1000)).as("unaligned").isEqualTo(pages(0, 1));
    }

    @Test
    void shouldKeepAPageOfWhichOnlyAPartWasReported() {
        start();
        write(0x11000, 1);
        assertThat(report(0x10000, 0x1800, 2048)).isEqualTo(pages(2));
        assertThat(report()).isEqualTo(pages(1));
    }

    @Test
    void shouldForgetThePageInWhichAMappingEnds() {
        memory.map(0x40800, 0x1000, DmaAccess.READ_WRITE, sealed(0x1000), 0);
        start();
        write(0x40800, 0x1000);
        assertThat(report(0x40800, 0x1000, PAGE)).isEqualTo(pages(0));
        assertThat(report(0x40000, 0x2000, PAGE)).isEqualTo(pages());
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 512, 2048})
    void shouldLogByPagesAsSmallAsAskedFor(long page) {
        log.start(page, List.of());
        write(0x12000 + page, 1);
        write(0x13000, 2 * page);
        int first = (int) (0x2000 / page);
        int second = (int) (0x3000 / page);
        assertThat(report(0x10000, 0x10000, page)).isEqualTo(pages(first + 1, second, second + 1));
    }

    /** Better than what was asked for: what is reported is what was written. */
    @Test
    void shouldLogLargePagesByThoseOfTheProcessor() {
        log.start(1 << 21, List.of());
        write(0x13000, 1);
        assertThat(report()).isEqualTo(pages(3));
        write(0x13000, 1);
        assertThat(report(0, 1 << 22, 1 << 21)).isEqualTo(pages(0));
    }

    @Test
    void shouldReportRangesThatWereNamedAndNoMore() {
        log.start(PAGE, List.of(new Range(0x16000, 0x2000), new Range(0x11000, 0x1000)));
        write(0x10000, 0x10000);
        assertThat(report()).isEqualTo(pages(1, 6, 7));
        write(0x10000, 0x10000);
        assertThat(report(0x10000, 0x10000, 0x2000)).isEqualTo(pages(0, 3));
        write(0x10000, 0x1000);
        assertThat(report(0x10000, 0x10000, 0x2000)).as("beside a range").isEqualTo(pages());
    }

    @Test
    void shouldReachTheTopOfTheAddresses() {
        memory.map(-0x4000, 0x4000, DmaAccess.READ_WRITE, sealed(0x4000), 0);
        log.start(1, List.of(new Range(-0x2000, 0x2000)));
        assertThat(write(-1, 1)).isZero();
        assertThat(write(-1, 1)).isZero();
        assertThat(report(-0x4000, 0x4000, PAGE)).isEqualTo(pages(3));
        log.stop();
        start();
        assertThat(write(-0x1001, 0x1001)).isZero();
        assertThat(report(-0x4000, 0x4000, PAGE)).isEqualTo(pages(2, 3));
        assertThat(report(0, -1, 1L << 63)).isEqualTo(pages());
    }

    @Test
    void shouldCountEverythingAsWrittenWhenTheLogIsFull() {
        var small = new GuestMemory(8, 1L << 40, 2);
        try (var file = sealed(0x3000)) {
            for (int i = 0; i < 3; i++) {
                small.map(
                        (long) i << 40,
                        0x1000,
                        DmaAccess.READ_WRITE,
                        file.duplicate(),
                        i * 0x1000L);
            }
            small.log().start(PAGE, List.of());
            for (int i = 0; i < 2; i++) {
                assertThat(small.writeNow((long) i << 40, buffer, 0, 1)).isZero();
            }
            var bitmap = arena.allocate(8);
            small.log().report(0, 0x4000, PAGE, bitmap, 0);
            assertThat(bitmap.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(1);
            assertThat(small.writeNow(2L << 40, buffer, 0, 1)).isZero();
            for (int i = 0; i < 2; i++) {
                small.log().report(0, 0x4000, PAGE, bitmap, 0);
                assertThat(bitmap.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(0xf);
            }
        } finally {
            small.detach();
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 3, 4097, -1, Long.MIN_VALUE, 1L << 31})
    void shouldRefuseSuchAPageSize(long page) {
        refused(Errno.EINVAL, () -> log.start(page, List.of()));
        assertThat(log.isOn()).isFalse();
    }

    @Test
    void shouldRefuseRangesThatCannotBe() {
        var one = new Range(0x1000, 0x1000);
        for (var ranges :
                List.of(
                        List.of(one, one),
                        List.of(new Range(0x1fff, 1), one),
                        List.of(one, new Range(0, 0x1001)),
                        List.of(new Range(0x1000, 0)),
                        List.of(new Range(-0x1000, 0x1001)))) {
            refused(Errno.EINVAL, () -> log.start(PAGE, ranges));
        }
        var many = new ArrayList<Range>();
        for (int i = 0; i < DirtyLog.MAX_RANGES; i++) {
            many.add(new Range(i * 0x2000L, 0x1000));
        }
        log.start(PAGE, many);
        log.stop();
        many.add(new Range(-0x1000, 0x1000));
        refused(Errno.EINVAL, () -> log.start(PAGE, many));
        assertThat(log.isOn()).isFalse();
    }

    @Test
    void shouldBeginTwiceOnlyInTheSameWay() {
        var a = new Range(0x10000, 0x1000);
        var b = new Range(0x13000, 0x1000);
        log.start(PAGE, List.of(a, b));
        write(0x13000, 1);
        log.start(PAGE, List.of(b, a));
        assertThat(report()).isEqualTo(pages(3));
        refused(Errno.EINVAL, () -> log.start(PAGE, List.of()));
        refused(Errno.EINVAL, () -> log.start(2 * PAGE, List.of(a, b)));
        write(0x13000, 1);
        assertThat(report()).isEqualTo(pages(3));
    }

    @Test
    void shouldRefuseAReportThatCannotBe() {
        refused(Errno.EINVAL, this::report);
        start();
        refused(Errno.EINVAL, () -> log.report(0, 0, PAGE, buffer, 0));
        refused(Errno.EINVAL, () -> log.report(0, PAGE, 0, buffer, 0));
        refused(Errno.EINVAL, () -> log.report(0, PAGE, 3, buffer, 0));
        refused(Errno.EINVAL, () -> log.report(0, PAGE, 2 * PAGE, buffer, 0));
        refused(Errno.EINVAL, () -> log.report(-PAGE, 2 * PAGE, PAGE, buffer, 0));
    }

    @Test
    void shouldBeOffWhenASessionEnds() {
        start();
        write(0x12000, 1);
        memory.detach();
        assertThat(log.isOn()).isFalse();
    }

    @Test
    void shouldTakeMemoryOfThisProcessOnlyWhileItIsOn() {
        long before = ProcessMaps.of("muser-dirty");
        start();
        assertThat(ProcessMaps.of("muser-dirty")).isEqualTo(before + 1);
        log.stop();
        assertThat(ProcessMaps.of("muser-dirty")).isEqualTo(before);
        assertThat(ProcessMaps.descriptors("muser-dirty")).isZero();
    }

    @Test
    void shouldAllocateNothing() {
        start();
        var window = memory.window();
        window.set(0x10000, 0x10000, DmaAccess.WRITE);
        var list = list(0x11000, 0x100, 0x13000, 0x100);
        assertThat(
                        Allocation.of(() -> {
                            for (int i = 0; i < 1000; i++) {
                                memory.writeNow(0x10000 + (i & 15) * PAGE, buffer, 0, 64);
                                window.store32((i & 15) * PAGE, i);
                                list.beginWrites();
                                list.endWrites();
                            }
                        }))
                .isZero();
    }
}
