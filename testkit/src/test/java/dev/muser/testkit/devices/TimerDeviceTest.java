package dev.muser.testkit.devices;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.device.DirtyLog;
import dev.muser.device.DmaAccess;
import dev.muser.device.DmaCompletion;
import dev.muser.device.DmaPort;
import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.Migration;
import dev.muser.device.MigrationState;
import dev.muser.device.Region;
import dev.muser.device.RegionInfo;
import dev.muser.device.VfioException;
import dev.muser.devices.timer.TimerDevice;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.testkit.InProcessDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The timer, with a clock and a client that the test has in its hands. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SAME_THREAD)
class TimerDeviceTest {
    private static final int PAGE = 0x1000;
    private static final int STREAM = 12_296;

    /** A client that is asked, and answers one message at a time. */
    private static final class Client implements DmaPort {
        private record Message(
                String what, long iova, MemorySegment bytes, DmaCompletion completion) {}

        final List<String> asked = new ArrayList<>();
        final ArrayDeque<Message> waiting = new ArrayDeque<>();
        final MemorySegment memory = Arena.ofAuto().allocate(0x10000, 8);

        @Override
        public void read(long iova, MemorySegment into, DmaCompletion completion) {
            add(new Message("read", iova, into, completion));
        }

        @Override
        public void write(long iova, MemorySegment from, DmaCompletion completion) {
            add(new Message("write", iova, from, completion));
        }

        private void add(Message message) {
            asked.add(
                    "%s %d at 0x%x"
                            .formatted(message.what, message.bytes.byteSize(), message.iova));
            waiting.add(message);
        }

        void answer(int errno) {
            var message = waiting.remove();
            var there = memory.asSlice(message.iova, message.bytes.byteSize());
            if (errno == 0 && message.what.equals("read")) {
                message.bytes.copyFrom(there);
            } else if (errno == 0) {
                there.copyFrom(message.bytes);
            }
            message.completion.done(errno);
        }

        void answerAll() {
            while (!waiting.isEmpty()) {
                answer(0);
            }
        }
    }

    private final Client client = new Client();
    private final MemorySegment buffer = Arena.ofAuto().allocate(0x4000, 8);
    private final Fd eventFd = EventFd.create();
    private final Fd file = MemoryFile.create("timer-test", 16 * PAGE);
    private Instant now = Instant.ofEpochSecond(1_000_000, 300_000_000);
    private final List<String> complaints = new ArrayList<>();
    private final InProcessDevice device = open();

    private InProcessDevice open() {
        var made = InProcessDevice.of(ctx -> new TimerDevice(ctx, () -> now, complaints::add));
        made.attach(client);
        return made;
    }

    @AfterEach
    void close() {
        device.close();
        eventFd.close();
        file.close();
    }

    private void arm(long at) {
        buffer.set(ValueLayout.JAVA_LONG, 0, at);
        device.writeRegion(Region.BAR0, 0, buffer, 0, 8);
    }

    private long elapsed() {
        device.readRegion(Region.BAR0, 0, buffer, 0, 8);
        return buffer.get(ValueLayout.JAVA_LONG, 0);
    }

    private void map(int page, DmaAccess access) {
        device.mapDma(page * (long) PAGE, PAGE, access, file.duplicate(), page * (long) PAGE);
    }

    private void install() {
        device.setIrqEventFds(Irq.INTX, IrqAction.TRIGGER, 0, List.of(eventFd.duplicate()));
    }

    private boolean signalled() {
        return EventFd.take(eventFd) > 0;
    }

    private byte[] bytes(int page) {
        int n = file.readAt((long) page * PAGE, buffer, 0, PAGE);
        assertThat(n).isEqualTo(PAGE);
        return buffer.asSlice(0, PAGE).toArray(ValueLayout.JAVA_BYTE);
    }

    private static byte[] letters() {
        return ("A".repeat(1024) + "B".repeat(1024) + "C".repeat(1024) + "D".repeat(1024))
                .getBytes(StandardCharsets.US_ASCII);
    }

    private static List<String> messages(long iova) {
        var expected = new ArrayList<String>();
        for (var what : List.of("write", "read")) {
            for (int i = 0; i < 4; i++) {
                expected.add("%s 1024 at 0x%x".formatted(what, iova + 1024L * i));
            }
        }
        return expected;
    }

    private Migration migration() {
        return Objects.requireNonNull(device.migration());
    }

    @Test
    void shouldBeWhatTheClientExpects() {
        device.readRegion(Region.CONFIG, 0, buffer, 0, 64);
        assertThat(buffer.get(ValueLayout.JAVA_INT, 0)).isEqualTo(0xbeef_dead);
        assertThat(buffer.get(ValueLayout.JAVA_INT, 0x2c)).isEqualTo(0xbabe_cafe);
        assertThat(buffer.get(ValueLayout.JAVA_INT, 0x10) & 1).as("BAR0 is I/O").isEqualTo(1);
        assertThat(device.regionInfo(Region.CONFIG).size()).isEqualTo(256);
        assertThat(device.regionInfo(Region.BAR0)).isEqualTo(RegionInfo.of(8, true, true));
        var bar1 = device.regionInfo(Region.BAR1);
        assertThat(bar1.size()).isEqualTo(0x3000);
        assertThat(bar1.areas())
                .containsExactly(
                        new RegionInfo.Area(0, 0x1000), new RegionInfo.Area(0x2000, 0x1000));
        assertThat(device.regionInfo(Region.ROM)).isEqualTo(RegionInfo.ABSENT);
        int[] counts = {1, 0, 0, 1, 1};
        for (int index = 0; index < counts.length; index++) {
            assertThat(device.irqInfo(index).count()).isEqualTo(counts[index]);
        }
        assertThat(device.irqInfo(Irq.INTX).autoMasked()).isFalse();
        assertThat(device.info().resettable()).isTrue();
        assertThat(migration().preCopy()).isTrue();
    }

    @Test
    void shouldTellHowLongAgoItExpired() {
        arm(1_000_010);
        assertThat(elapsed()).isEqualTo(-10);
        now = Instant.ofEpochSecond(1_000_025);
        assertThat(elapsed()).isEqualTo(15);
        arm(Long.MAX_VALUE);
        assertThat(elapsed()).isEqualTo(1_000_025 - Long.MAX_VALUE);
    }

    @Test
    void shouldExpireWhenItIsTimeAndOnce() {
        install();
        now = Instant.ofEpochSecond(1_000_000, 999_000_000);
        arm(1_000_001);
        for (int i = 0; i < 100; i++) {
            device.serve();
        }
        assertThat(signalled()).isFalse();
        now = Instant.ofEpochSecond(1_000_001);
        while (!signalled()) { // the alarm goes by another clock than the test's
            device.serve();
        }
        arm(1_000_001);
        device.serve();
        assertThat(signalled()).isTrue();
        device.serve();
        assertThat(signalled()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(longs = {1_000_000, 999_999, 0, -1, Long.MIN_VALUE})
    void shouldExpireAtOnceWhenItIsPast(long time) {
        install();
        arm(time);
        device.serve();
        assertThat(signalled()).isTrue();
        arm(time);
        device.serve();
        assertThat(signalled()).as("again, though nobody unmasked").isTrue();
    }

    @Test
    void shouldTakeATimeThatNeverComes() {
        install();
        arm(Long.MAX_VALUE);
        device.serve();
        assertThat(signalled()).isFalse();
        arm(0);
        device.serve();
        assertThat(signalled()).isTrue();
    }

    @Test
    void shouldWriteTheSecondRegionItselfAndTheFirstByMessages() {
        map(4, DmaAccess.READ_WRITE);
        map(2, DmaAccess.READ_WRITE);
        map(3, DmaAccess.READ_WRITE);
        install();
        Objects.requireNonNull(device.dirtyLog()).start(PAGE, List.of());
        arm(0);
        device.serve();
        assertThat(signalled()).isTrue();
        assertThat(bytes(2)).isEqualTo(letters());
        for (int i = 0; i < 8; i++) {
            device.serve();
            assertThat(client.waiting).as("one at a time").hasSize(1);
            client.answer(0);
        }
        device.serve();
        assertThat(client.waiting).isEmpty();
        assertThat(client.asked).isEqualTo(messages(4 * PAGE));
        assertThat(client.memory.asSlice(4 * PAGE, PAGE).toArray(ValueLayout.JAVA_BYTE))
                .isEqualTo(letters());
        assertThat(complaints).isEmpty();
        assertThat(bytes(4)).as("nothing but messages").containsOnly(0);
        assertThat(bytes(3)).containsOnly(0);
        var bitmap = Arena.ofAuto().allocate(DirtyLog.bitmapBytes(16 * PAGE, PAGE));
        device.dirtyLog().report(0, 16 * PAGE, PAGE, bitmap, 0);
        assertThat(bitmap.get(ValueLayout.JAVA_LONG, 0)).as("pages written").isEqualTo(1 << 2);
    }

    @Test
    void shouldGoByTheOrderOfWhatIsMappedNow() {
        map(1, DmaAccess.READ_WRITE);
        map(2, DmaAccess.READ_WRITE);
        map(3, DmaAccess.READ_WRITE);
        device.unmapDma(PAGE, PAGE);
        map(1, DmaAccess.READ_WRITE);
        arm(0);
        device.serve();
        client.answerAll();
        assertThat(client.asked).isEqualTo(messages(2 * PAGE));
        assertThat(bytes(3)).isEqualTo(letters());
        assertThat(bytes(1)).containsOnly(0);
    }

    @Test
    void shouldDoWithoutRegionsAndWithoutRights() {
        arm(0);
        device.serve();
        map(1, DmaAccess.READ);
        arm(0);
        device.serve();
        map(2, DmaAccess.READ);
        arm(0);
        device.serve();
        assertThat(client.asked).isEmpty();
        assertThat(bytes(2)).containsOnly(0);
    }

    @Test
    void shouldStopAtAMessageThatTheClientRefuses() {
        map(1, DmaAccess.READ_WRITE);
        arm(0);
        device.serve();
        client.answer(0);
        client.answer(Errno.EFAULT);
        device.serve();
        assertThat(client.asked).hasSize(2);
        assertThat(complaints).containsExactly("DMA by message at 0x1000: EFAULT (bad address)");
        arm(0);
        device.serve();
        client.answerAll();
        assertThat(client.asked.subList(2, 10)).isEqualTo(messages(PAGE));
    }

    @Test
    void shouldSayOnceThatWhatItReadsIsNotWhatItWrote() {
        map(1, DmaAccess.READ_WRITE);
        for (int i = 0; i < 2; i++) {
            arm(0);
            device.serve();
            for (int message = 0; message < 4; message++) {
                client.answer(0);
            }
            client.memory.set(ValueLayout.JAVA_BYTE, PAGE + 1029, (byte) 'x');
            client.memory.set(ValueLayout.JAVA_BYTE, PAGE + 4095, (byte) 'y');
            client.answerAll();
            device.serve();
        }
        assertThat(client.asked).as("it goes on").hasSize(16);
        assertThat(complaints).containsExactly("0x42 was written to 0x1405 and 0x78 is read there");
    }

    @Test
    void shouldSayThatSharedMemoryCannotBeWritten() {
        map(1, DmaAccess.READ_WRITE);
        map(2, DmaAccess.READ);
        arm(0);
        device.serve();
        assertThat(complaints).hasSize(1);
        assertThat(complaints.getFirst()).startsWith("DMA to the shared memory at 0x2000: E");
    }

    @Test
    void shouldExpireAgainOnlyWhenItsMessagesAreOver() {
        map(1, DmaAccess.READ_WRITE);
        arm(0);
        device.serve();
        arm(0);
        device.serve();
        assertThat(client.asked).hasSize(1);
        for (int i = 0; i < 8; i++) {
            client.answer(0);
        }
        device.serve();
        client.answerAll();
        device.serve();
        assertThat(client.asked).hasSize(16);
    }

    @Test
    void shouldForgetEverythingWithAReset() {
        now = Instant.ofEpochSecond(1_000_000, 999_000_000);
        map(1, DmaAccess.READ_WRITE);
        install();
        buffer.set(ValueLayout.JAVA_LONG, 0, -1);
        device.writeRegion(Region.BAR1, 0x1ffc, buffer, 0, 8);
        arm(0);
        device.serve();
        assertThat(signalled()).isTrue();
        device.reset();
        client.answer(0); // too late
        arm(1_000_001);
        device.reset();
        now = Instant.ofEpochSecond(1_000_002);
        for (int i = 0; i < 100; i++) {
            device.serve();
        }
        assertThat(client.asked).hasSize(1);
        assertThat(signalled()).isFalse();
        assertThat(elapsed()).isEqualTo(1_000_002);
        device.readRegion(Region.BAR1, 0x1ffc, buffer, 0, 8);
        assertThat(buffer.get(ValueLayout.JAVA_LONG, 0)).isZero();
    }

    @Test
    void shouldRefuseRegionsBeyondItsLimits() {
        for (int i = 0; i < 96; i++) {
            map(i % 16 + 16 * i, DmaAccess.READ_WRITE, i % 16);
        }
        assertErrno(Errno.EINVAL, () -> device.mapDma(1L << 40, PAGE, DmaAccess.READ, null, 0));
        device.unmapAllDma();
        assertErrno(
                Errno.ENOSPC,
                () -> device.mapDma(0, (8L << 40) + 1, DmaAccess.READ_WRITE, null, 0));
    }

    private void map(int iovaPage, DmaAccess access, int page) {
        device.mapDma(iovaPage * (long) PAGE, PAGE, access, file.duplicate(), page * (long) PAGE);
    }

    private static void assertErrno(int errno, Runnable call) {
        assertThatThrownBy(call::run)
                .isInstanceOfSatisfying(
                        VfioException.class, e -> assertThat(e.errno()).isEqualTo(errno));
    }

    // --- migration

    private void fillBar1() {
        for (int i = 0; i < 0x3000; i++) {
            buffer.set(ValueLayout.JAVA_BYTE, i, (byte) (i % 253));
        }
        device.writeRegion(Region.BAR1, 0, buffer, 0, 0x3000);
    }

    private byte[] stream(int chunk) {
        var all = Arena.ofAuto().allocate(0x4000);
        int total = 0;
        for (int n = migration().read(all, 0, chunk); n > 0; ) {
            total += n;
            n = migration().read(all, total, chunk);
        }
        return all.asSlice(0, total).toArray(ValueLayout.JAVA_BYTE);
    }

    private void take(byte[] bytes, int chunk) {
        for (int at = 0; at < bytes.length; at += chunk) {
            int n = Math.min(chunk, bytes.length - at);
            MemorySegment.copy(bytes, at, buffer, ValueLayout.JAVA_BYTE, 0, n);
            migration().write(buffer, 0, n);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 1024, 4096, 12_296, 16_000})
    void shouldStreamBar1AndThenTheTime(int chunk) {
        fillBar1();
        arm(0x0102_0304_0506_0708L);
        for (var state : List.of(MigrationState.PRE_COPY, MigrationState.STOP_COPY)) {
            migration().moveTo(state);
            var bytes = stream(chunk);
            assertThat(bytes).hasSize(STREAM);
            for (int i = 0; i < 0x3000; i++) {
                assertThat(bytes[i]).isEqualTo((byte) (i % 253));
            }
            assertThat(Arrays.copyOfRange(bytes, 0x3000, STREAM))
                    .containsExactly(8, 7, 6, 5, 4, 3, 2, 1);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 1024, 12_296})
    void shouldGoOnWhereItCameFrom(int chunk) {
        fillBar1();
        arm(1_000_003);
        migration().moveTo(MigrationState.STOP_COPY);
        var bytes = stream(4096);
        migration().moveTo(MigrationState.STOP);
        device.reset();
        install();
        migration().moveTo(MigrationState.RESUMING);
        take(bytes, chunk);
        if (chunk == 1024) {
            take(bytes, 5000); // what a VMM read while it ran comes first
        }
        migration().moveTo(MigrationState.STOP);
        device.readRegion(Region.BAR1, 0, buffer, 0, 0x3000);
        for (int i = 0; i < 0x3000; i++) {
            assertThat(buffer.get(ValueLayout.JAVA_BYTE, i)).isEqualTo((byte) (i % 253));
        }
        now = Instant.ofEpochSecond(1_000_005);
        device.serve();
        assertThat(signalled()).as("stopped").isFalse();
        migration().moveTo(MigrationState.RUNNING);
        assertThat(elapsed()).isEqualTo(2);
        device.serve();
        assertThat(signalled()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 0x3000, STREAM - 1, STREAM + 1})
    void shouldNotLeaveWithAPartOfAStream(int length) {
        fillBar1();
        migration().moveTo(MigrationState.RESUMING);
        take(new byte[length], 4096);
        assertErrno(Errno.EINVAL, () -> migration().moveTo(MigrationState.RUNNING));
        assertThat(migration().state()).isEqualTo(MigrationState.RESUMING);
        device.reset();
        assertThat(migration().state()).isEqualTo(MigrationState.RUNNING);
        install();
        arm(0);
        device.serve();
        assertThat(signalled()).as("it runs").isTrue();
    }

    @Test
    void shouldNotExpireThereWhenItWasNeverArmed() {
        migration().moveTo(MigrationState.STOP_COPY);
        var bytes = stream(4096);
        migration().moveTo(MigrationState.RESUMING);
        take(bytes, 4096);
        install();
        migration().moveTo(MigrationState.RUNNING);
        device.serve();
        assertThat(signalled()).isFalse();
    }

    @Test
    void shouldWaitWhileItIsStoppedAndGoOnThen() {
        map(1, DmaAccess.READ_WRITE);
        arm(0);
        device.serve();
        client.answer(0);
        migration().moveTo(MigrationState.STOP);
        client.answer(0);
        device.serve();
        assertThat(client.asked).as("stopped").hasSize(2);
        migration().moveTo(MigrationState.RUNNING);
        client.answerAll();
        assertThat(client.asked).isEqualTo(messages(PAGE));
    }
}
