package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.muser.device.DmaAccess;
import dev.muser.linux.Errno;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A range of client memory that is used again and again, while the client changes its mappings. */
// mappings belong to the thread that makes them
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SAME_THREAD)
class GuestWindowTest extends GuestMemoryFixture {
    private final GuestWindow window = memory.window();

    @ParameterizedTest(name = "sealed {0}")
    @ValueSource(booleans = {true, false})
    void shouldReadAndWriteAtOnce(boolean isSealed) {
        try (var file = isSealed ? sealed(0x3000) : MemoryFile.create(NAME, 0x3000)) {
            memory.map(0x10_0000, 0x2000, DmaAccess.READ_WRITE, file.duplicate(), 0x1000);
            window.set(0x10_1000, 0x1000, DmaAccess.READ_WRITE);
            assertThat(window.isDirect()).isTrue();
            assertThat(window.store128(0x20, 0x1111_2222_3333_4444L, 0x5555_6666_7777_8888L))
                    .isZero();
            assertThat(window.store32(0x30, 0xcafe)).isZero();
            assertThat(window.load32(0x20)).isEqualTo(0x3333_4444L);
            assertThat(file.readAt(0x2020, buffer, 0, 20)).isEqualTo(20);
            assertThat(buffer.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(0x1111_2222_3333_4444L);
            assertThat(buffer.get(ValueLayout.JAVA_LONG, 8)).isEqualTo(0x5555_6666_7777_8888L);
            assertThat(buffer.get(ValueLayout.JAVA_INT, 16)).isEqualTo(0xcafe);
            buffer.set(ValueLayout.JAVA_LONG, 0, 99);
            assertThat(window.writeNow(0x100, buffer, 0, 8)).isZero();
            assertThat(window.readNow(0x100, buffer, 64, 8)).isZero();
            assertThat(buffer.get(ValueLayout.JAVA_LONG, 64)).isEqualTo(99);
        }
    }

    @Test
    void shouldNotReachBeyondItsRange() {
        memory.map(0, 0x3000, DmaAccess.READ_WRITE, sealed(0x3000), 0);
        window.set(0x1000, 0x1000, DmaAccess.READ_WRITE);
        assertThatExceptionOfType(IndexOutOfBoundsException.class)
                .isThrownBy(() -> window.load32(0xffd));
        assertThatExceptionOfType(IndexOutOfBoundsException.class)
                .isThrownBy(() -> window.store128(0xff8, 0, 0));
        assertThatExceptionOfType(IndexOutOfBoundsException.class)
                .isThrownBy(() -> window.readNow(-8, buffer, 0, 8));
    }

    @Test
    void shouldFollowTheClientsMappings() {
        window.set(0x1000, 0x1000, DmaAccess.READ);
        assertThat(window.isDirect()).isFalse();
        assertThat(window.readNow(0, buffer, 0, 8)).isEqualTo(Errno.EFAULT);
        try (var first = sealed(0x1000);
                var second = sealed(0x1000)) {
            buffer.set(ValueLayout.JAVA_INT, 0, 1);
            first.writeAt(0, buffer, 0, 4);
            buffer.set(ValueLayout.JAVA_INT, 0, 2);
            second.writeAt(0, buffer, 0, 4);
            memory.map(0x1000, 0x1000, DmaAccess.READ, first.duplicate(), 0);
            assertThat(window.load32(0)).isEqualTo(1);
            memory.unmap(0x1000, 0x1000);
            assertThat(window.isDirect()).isFalse();
            assertThat(window.load32(0)).isEqualTo(-1);
            memory.map(0x1000, 0x1000, DmaAccess.READ, second.duplicate(), 0);
            assertThat(window.load32(0)).isEqualTo(2);
        }
    }

    @Test
    void shouldCrossMappingsWithoutBeingDirect() {
        memory.map(0x1000, 0x1000, DmaAccess.READ_WRITE, sealed(0x1000), 0);
        memory.map(0x2000, 0x1000, DmaAccess.READ_WRITE, sealed(0x1000), 0);
        window.set(0x1800, 0x1000, DmaAccess.READ_WRITE);
        assertThat(window.isDirect()).isFalse();
        buffer.set(ValueLayout.JAVA_LONG, 0, 0x1234_5678_9abc_def0L);
        assertThat(window.writeNow(0x7fc, buffer, 0, 8)).isZero();
        assertThat(window.readNow(0x7fc, buffer, 64, 8)).isZero();
        assertThat(buffer.get(ValueLayout.JAVA_LONG, 64)).isEqualTo(0x1234_5678_9abc_def0L);
    }

    @Test
    void shouldBeDirectThroughMappingsThatGoOnInTheSameFile() {
        try (var file = sealed(0x4000)) {
            memory.map(0x1000, 0x1000, DmaAccess.READ_WRITE, file.duplicate(), 0x1000);
            memory.map(0x2000, 0x1000, DmaAccess.READ_WRITE, file.duplicate(), 0x2000);
            memory.map(0x3000, 0x1000, DmaAccess.READ_WRITE, file.duplicate(), 0);
            window.set(0x1000, 0x2000, DmaAccess.READ_WRITE);
            assertThat(window.isDirect()).isTrue();
            assertThat(window.store32(0x1004, 5)).isZero();
            assertThat(file.readAt(0x2004, buffer, 0, 4)).isEqualTo(4);
            assertThat(buffer.get(ValueLayout.JAVA_INT, 0)).isEqualTo(5);
            window.set(0x2000, 0x2000, DmaAccess.READ_WRITE);
            assertThat(window.isDirect()).as("where the file does not go on").isFalse();
            window.set(0x1000, 0x2000, DmaAccess.READ_WRITE);
            memory.unmap(0x2000, 0x1000);
            assertThat(window.isDirect()).as("without its second half").isFalse();
        }
    }

    @Test
    void shouldSayWhenTheClientHasToBeAsked() {
        memory.map(0x1000, 0x1000, DmaAccess.READ_WRITE, null, 0);
        window.set(0x1000, 0x1000, DmaAccess.READ);
        assertThat(window.isDirect()).isFalse();
        assertThat(window.readNow(0, buffer, 0, 8)).isEqualTo(GuestMemory.BY_MESSAGE);
        memory.map(0x2000, 0x1000, DmaAccess.READ_WRITE, sealed(0x1000), 0);
        window.set(0x1800, 0x1000, DmaAccess.READ_WRITE);
        assertThat(window.writeNow(0x7f8, buffer, 0, 16)).isEqualTo(GuestMemory.BY_MESSAGE);
    }

    @Test
    void shouldNotWriteWhatTheClientOnlyLetsRead() {
        memory.map(0x1000, 0x1000, DmaAccess.READ, sealed(0x1000), 0);
        window.set(0x1000, 0x1000, DmaAccess.WRITE);
        assertThat(window.isDirect()).isFalse();
        assertThat(window.store128(0, 1, 2)).isEqualTo(Errno.EFAULT);
        assertThat(window.writeNow(0, buffer, 0, 8)).isEqualTo(Errno.EACCES);
    }

    @Test
    void shouldNoticeThatMemoryWasTakenAway() {
        try (var file = MemoryFile.create(NAME, 0x1000)) {
            memory.map(0x1000, 0x1000, DmaAccess.READ_WRITE, file.duplicate(), 0);
            window.set(0x1000, 0x1000, DmaAccess.READ_WRITE);
            assertThat(window.store32(0, 7)).isZero();
            MemoryFile.resize(file, 0);
            assertThat(window.load32(0)).isEqualTo(-1);
            assertThat(window.store128(0, 1, 2)).isEqualTo(Errno.EFAULT);
            assertThat(window.isDirect()).isFalse();
            assertThat(window.readNow(0, buffer, 0, 8)).isEqualTo(Errno.EFAULT);
        }
    }
}
