package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.DirtyLog;
import dev.muser.device.DirtyLog.Range;
import dev.muser.device.DmaAccess;
import dev.muser.device.VfioException;
import dev.muser.linux.Fd;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A random walk of a client that wants to know what is written, against a bit for each byte. */
class DirtyLogOracleTest extends GuestMemoryFixture {
    private static final int SPACE = 0x40000;
    private static final int FILE_SIZE = 0x10000;

    private final BitSet dirty = new BitSet();
    private final BitSet logged = new BitSet();

    /** Which addresses are shared with this process. */
    private final BitSet shared = new BitSet();

    private final List<Range> mapped = new ArrayList<>();
    private final List<Transfer> transfers = new ArrayList<>();
    private final DirtyLog log = memory.log();

    /** What the system is writing: the list, and its ranges once more. */
    private record Transfer(ScatterList list, List<Range> ranges) {}

    /** The pages that are logged; addresses of the client are multiples of it. */
    private int page = 1;

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {21, 22, 23, 24, 25, 26, 27, 28})
    void shouldReportWhatABitForEachByteSays(long seed) {
        var random = new Random(seed);
        memory.attach(new FakePort(SPACE));
        var files = List.of(sealed(FILE_SIZE), sealed(FILE_SIZE));
        try {
            int reported = 0;
            for (int step = 0; step < 20_000; step++) {
                switch (random.nextInt(14)) {
                    case 0 -> map(random, files);
                    case 1 -> unmap(random);
                    case 2 -> startOrStop(random);
                    case 3 -> transfer(random);
                    case 4, 5, 6 -> reported += report(random, step);
                    case 7 -> writeAgainAndAgain(random);
                    default -> write(random);
                }
            }
            assertThat(reported).as("bits that were set").isGreaterThan(1000);
        } finally {
            files.forEach(Fd::close);
        }
    }

    private int place(Random random) {
        return random.nextInt(SPACE / page) * page;
    }

    private void map(Random random, List<Fd> files) {
        int iova = place(random);
        int size = Math.min(SPACE - iova, 1 + random.nextInt(FILE_SIZE));
        var file = random.nextInt(4) == 0 ? null : files.get(random.nextInt(2)).duplicate();
        try {
            memory.map(iova, size, DmaAccess.READ_WRITE, file, file == null ? 0 : FILE_SIZE - size);
            if (!mapped.contains(new Range(iova, size))) { // the very same may be mapped again
                mapped.add(new Range(iova, size));
            }
        } catch (VfioException overlaps) {
            return;
        }
        for (int i = 0; file != null && i < size; i++) {
            shared.set(iova + i);
        }
    }

    private void unmap(Random random) {
        if (mapped.size() > 3) {
            var gone = mapped.remove(random.nextInt(mapped.size()));
            memory.unmap(gone.iova(), gone.length());
            shared.clear((int) gone.iova(), (int) (gone.iova() + gone.length()));
        }
    }

    private void startOrStop(Random random) {
        if (random.nextInt(20) != 0) {
            return;
        }
        log.stop();
        dirty.clear();
        logged.clear();
        int shift = random.nextInt(15);
        page = 1 << Math.min(shift, 12);
        var ranges = new ArrayList<Range>();
        if (random.nextBoolean()) {
            logged.set(0, SPACE);
        } else {
            for (int at = place(random); at < SPACE; ) {
                int size = Math.min(page * (1 + random.nextInt(1 + 0x8000 / page)), SPACE - at);
                ranges.addFirst(new Range(at, size));
                logged.set(at, at + size);
                at += size + page * random.nextInt(1 + 0x4000 / page);
            }
        }
        log.start(1L << shift, ranges);
        markWritten();
    }

    private void markWritten() {
        transfers.forEach(this::markWritten);
    }

    private void markWritten(Transfer transfer) {
        transfer.ranges.forEach(range -> wrote(range.iova(), range.length()));
    }

    private void wrote(long iova, long length) {
        dirty.set((int) iova, (int) (iova + length));
    }

    private void write(Random random) {
        int iova = random.nextInt(SPACE);
        int length = 1 + random.nextInt(random.nextInt(4) == 0 ? 0x4000 : 64);
        boolean all = iova + length <= SPACE && shared.nextClearBit(iova) >= iova + length;
        int result;
        switch (random.nextInt(3)) {
            case 0 -> result = memory.writeNow(iova, buffer, 0, length);
            case 1 -> {
                var window = memory.window();
                window.set(iova, length, DmaAccess.WRITE);
                result = window.writeNow(0, buffer, 0, length);
            }
            default -> {
                var list = memory.scatterList();
                int first = random.nextInt(length + 1);
                list.add(iova, first);
                list.add(iova + first, length - first);
                result = list.resolve(DmaAccess.WRITE);
                if (result == 0 && list.isShared()) {
                    result = list.writeNow(0, buffer, 0, length);
                } else {
                    result = 1;
                }
            }
        }
        assertThat(result == 0).isEqualTo(all);
        if (all && log.isOn()) {
            wrote(iova, length);
        }
    }

    /** The system writes for a while. */
    private void transfer(Random random) {
        if (transfers.size() < 3) {
            var transfer = new Transfer(memory.scatterList(), new ArrayList<>());
            for (int i = 0; i < 3; i++) {
                int iova = random.nextInt(SPACE - 0x1000);
                int length = 1 + random.nextInt(0x1000);
                transfer.list.add(iova, length);
                transfer.ranges.add(new Range(iova, length));
            }
            transfer.list.beginWrites();
            transfers.add(transfer);
            if (log.isOn()) {
                markWritten(transfer);
            }
        } else {
            transfers.remove(random.nextInt(transfers.size())).list.endWrites();
        }
    }

    /** So often that a run of pages becomes known that need no mark. */
    private void writeAgainAndAgain(Random random) {
        int iova = random.nextInt(SPACE - 64);
        if (shared.get(iova) && log.isOn()) {
            for (int i = 0; i < 1100; i++) {
                memory.writeNow(iova, buffer, 0, 1);
            }
            wrote(iova, 1);
        }
    }

    private int report(Random random, int step) {
        if (!log.isOn()) {
            return 0;
        }
        int iova = place(random);
        int length = page * (1 + random.nextInt((SPACE - iova) / page));
        int reportPage = page << random.nextInt(6);
        if (reportPage > length) {
            return 0;
        }
        var bitmap = arena.allocate(DirtyLog.bitmapBytes(length, reportPage));
        log.report(iova, length, reportPage, bitmap, 0);
        var expected = new BitSet();
        for (int at = dirty.nextSetBit(iova); at >= 0 && at < iova + length; ) {
            if (logged.get(at)) { // its page, too: ranges are made of whole pages
                expected.set((at - iova) / reportPage);
            }
            at = dirty.nextSetBit((at / page + 1) * page);
        }
        assertThat(BitSet.valueOf(bitmap.toArray(ValueLayout.JAVA_BYTE)))
                .as("step %d: 0x%x bytes at 0x%x by 0x%x", step, length, iova, reportPage)
                .isEqualTo(expected);
        dirty.clear(iova, iova + length);
        markWritten();
        return expected.cardinality();
    }
}
