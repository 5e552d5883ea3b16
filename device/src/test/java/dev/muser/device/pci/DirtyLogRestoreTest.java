package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.DirtyLog.Range;
import dev.muser.device.DmaAccess;
import dev.muser.device.ManualLoop;
import dev.muser.device.state.DeviceHome;
import dev.muser.device.state.StateSegment;
import dev.muser.linux.Fd;
import dev.muser.linux.FileStatus;
import dev.muser.linux.MemoryFile;
import dev.muser.service.LocalStore;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a process wrote to its client's memory is reported by the next one. */
// mappings belong to the thread that makes them
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SAME_THREAD)
class DirtyLogRestoreTest {
    private static final long PAGE = 4096;
    private final MemorySegment buffer = Arena.ofAuto().allocate(0x10000, 8);
    private final LocalStore store = new LocalStore();
    private final Fd file = MemoryFile.create("dirty-restore", 64 * PAGE);
    private @Nullable StateSegment segment;
    private @Nullable PciDevice device;
    private @Nullable GuestMemory memory;
    private boolean journal = true;

    /** The first process, or one after it: the state is as the last commit left it. */
    private PciDevice start() {
        var made = restart();
        made.attach(null);
        made.mapDma(0, 64 * PAGE, DmaAccess.READ_WRITE, file.duplicate(), 0);
        return made;
    }

    /** The same without a client. */
    private PciDevice restart() {
        var before = segment;
        var next =
                before == null
                        ? StateSegment.create("test")
                        : Objects.requireNonNull(
                                StateSegment.open(before.fd().duplicate(), "test"));
        segment = next;
        var made =
                PciDevice.create(
                        context -> {
                            context.identity(0x1234, 0x5678).repeatable();
                            memory = context.memory();
                            return new Device() {};
                        },
                        new ManualLoop(),
                        new DeviceHome(next, store, journal, null));
        next.ready();
        device = made;
        return made;
    }

    @AfterEach
    void close() {
        if (device != null) {
            device.close();
        }
        if (segment != null) {
            segment.close();
        }
        file.close();
    }

    private GuestMemory memory() {
        return Objects.requireNonNull(memory);
    }

    private void commit() {
        Objects.requireNonNull(segment).commit();
    }

    private void write(long iova, int length) {
        assertThat(memory().writeNow(iova, buffer, 0, length)).isZero();
    }

    /** Returns the bits of the 64 pages, the first lowest. */
    private static long report(PciDevice device) {
        var bitmap = Arena.ofAuto().allocate(8);
        device.dirtyLog().report(0, 64 * PAGE, PAGE, bitmap, 0);
        return bitmap.get(ValueLayout.JAVA_LONG, 0);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldReportWhatTheProcessBeforeHasWritten(boolean withJournal) {
        journal = withJournal;
        start().dirtyLog().start(PAGE, List.of());
        commit();
        write(PAGE, 1);
        commit();
        write(5 * PAGE, 0x2000); // and dies before it comes to an end
        var second = start();
        assertThat(second.dirtyLog().isOn()).isTrue();
        write(9 * PAGE, 1);
        assertThat(report(second)).isEqualTo(0x262);
        commit();
        assertThat(report(start())).isZero();
    }

    @Test
    void shouldReportAgainWhatWasReportedInARequestThatWasNotAnswered() {
        var first = start();
        first.dirtyLog().start(PAGE, List.of());
        write(0, 0x3000);
        write(0x9000, 1);
        commit();
        assertThat(report(first)).isEqualTo(0x207);
        var second = start();
        assertThat(report(second)).isEqualTo(0x207);
        commit();
        assertThat(report(start())).isZero();
    }

    @Test
    void shouldReportWhatWasBeingWrittenWhenTheProcessDied() {
        var first = start();
        first.dirtyLog().start(PAGE, List.of());
        var list = memory().scatterList();
        list.add(3 * PAGE, 2 * PAGE);
        list.beginWrites();
        assertThat(report(first)).isEqualTo(0x18);
        commit();
        assertThat(report(start())).isEqualTo(0x18);
    }

    @Test
    void shouldKeepWhatIsLoggedAndByWhichPages() {
        var first = start();
        var ranges = List.of(new Range(4 * PAGE, PAGE), new Range(2 * PAGE, PAGE));
        first.dirtyLog().start(1024, ranges);
        commit();
        write(0, 0x10000);
        var second = start();
        second.dirtyLog().start(1024, ranges); // in the same way, so it is on in that way
        assertThat(report(second)).isEqualTo(0x14);
        write(2 * PAGE + 1024, 1);
        var bitmap = Arena.ofAuto().allocate(8);
        second.dirtyLog().report(0, 4 * PAGE, 1024, bitmap, 0);
        assertThat(bitmap.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(1 << 9);
    }

    @Test
    void shouldBeOffAfterAnEndThatWasCommittedAndOnAfterOneThatWasNot() {
        var first = start();
        first.dirtyLog().start(PAGE, List.of());
        commit();
        first.dirtyLog().stop();
        var second = start();
        assertThat(second.dirtyLog().isOn()).isTrue();
        second.dirtyLog().stop();
        commit();
        var third = start();
        assertThat(third.dirtyLog().isOn()).isFalse();
        third.dirtyLog().start(PAGE, List.of());
        assertThat(report(third)).isZero();
        third.detach();
        commit();
        assertThat(start().dirtyLog().isOn()).isFalse();
    }

    @Test
    void shouldBeOffWhenTheClientIsLostWithTheProcess() {
        start().dirtyLog().start(PAGE, List.of());
        commit();
        var next = restart();
        assertThat(next.dirtyLog().isOn()).isTrue();
        next.detach();
        assertThat(next.dirtyLog().isOn()).isFalse();
    }

    @Test
    void shouldBeOffAfterABeginningThatWasNotCommitted() {
        start().dirtyLog().start(PAGE, List.of());
        assertThat(start().dirtyLog().isOn()).isFalse();
    }

    @Test
    void shouldGiveItsMemoryBackWhenItEnds() {
        var first = start();
        first.dirtyLog().start(PAGE, List.of());
        first.mapDma(1L << 40, 1L << 30, DmaAccess.READ_WRITE, large(), 0);
        commit();
        long on = allocated();
        for (int i = 0; i < 8; i++) {
            write((1L << 40) + i * (128L << 20), 1);
        }
        assertThat(allocated()).isGreaterThanOrEqualTo(on + 8 * PAGE);
        first.dirtyLog().stop();
        commit();
        assertThat(allocated()).isLessThanOrEqualTo(on);
        first.unmapDma(1L << 40, 1L << 30);
    }

    private static Fd large() {
        return MemoryFile.create("dirty-restore", 1L << 30);
    }

    /** How many bytes the state takes. */
    private long allocated() {
        return FileStatus.of(Objects.requireNonNull(segment).fd()).allocated();
    }
}
