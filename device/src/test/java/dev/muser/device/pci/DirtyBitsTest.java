package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** When a write needs no mark: all that is not so is in {@link DirtyLogOracleTest}. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SAME_THREAD)
class DirtyBitsTest {
    private static final int LIMIT = 4;
    private static final long PAGE = 4096;
    private static final long CHUNK = PAGE << DirtyBits.PAGES_SHIFT;

    private final LogMemory memory = LogMemory.own(DirtyBits.bytesFor(LIMIT));
    private final MarkedRun marked = new MarkedRun();
    private final DirtyBits bits = new DirtyBits(memory, LIMIT, 12, true, marked);

    @AfterEach
    void close() {
        memory.release(null);
    }

    private void markOftenEnough(long iova) {
        for (int i = 0; i < 1100; i++) {
            bits.mark(iova, 1);
        }
    }

    @Test
    void shouldNeedMarksAtFirst() {
        assertThat(marked.has(0, 1)).isFalse();
        assertThat(marked.has(-1, 1)).isFalse();
    }

    @Test
    void shouldNeedNoneInThePagesAroundOneThatIsOftenWritten() {
        bits.mark(3 * PAGE, 5 * PAGE);
        bits.mark(9 * PAGE, PAGE);
        markOftenEnough(4 * PAGE);
        assertThat(marked.has(3 * PAGE, 5 * PAGE)).isTrue();
        assertThat(marked.has(3 * PAGE - 1, 2)).isFalse();
        assertThat(marked.has(8 * PAGE - 1, 2)).isFalse();
        assertThat(marked.has(9 * PAGE, 1)).isFalse();
    }

    @Test
    void shouldNeedNoneAcrossChunks() {
        bits.mark(CHUNK - 70 * PAGE, CHUNK + 200 * PAGE);
        markOftenEnough(2 * CHUNK + 5 * PAGE);
        assertThat(marked.has(CHUNK - 70 * PAGE, CHUNK + 200 * PAGE)).isTrue();
        assertThat(marked.has(CHUNK - 70 * PAGE - 1, 1)).isFalse();
        assertThat(marked.has(2 * CHUNK + 130 * PAGE, 1)).isFalse();
    }

    @Test
    void shouldNeedThemAgainOnceAPageIsForgotten() {
        bits.mark(0, 64 * PAGE);
        markOftenEnough(0);
        bits.forget(0, 7, 7);
        assertThat(marked.has(0, PAGE)).isFalse();
        markOftenEnough(0);
        assertThat(marked.has(0, 7 * PAGE)).isTrue();
        assertThat(marked.has(7 * PAGE, 1)).isFalse();
    }

    @Test
    void shouldKeepTheLongestRun() {
        bits.mark(0, 64 * PAGE);
        bits.mark(CHUNK, PAGE);
        markOftenEnough(0);
        markOftenEnough(CHUNK);
        assertThat(marked.has(0, 64 * PAGE)).isTrue();
    }

    @Test
    void shouldNotTakeForMarkedWhatThereIsNoRoomFor() {
        for (int i = 0; i < LIMIT; i++) {
            bits.mark(i * CHUNK, 1);
        }
        markOftenEnough(LIMIT * CHUNK);
        assertThat(bits.overflow()).isTrue();
        assertThat(marked.has(LIMIT * CHUNK, 1)).isFalse();
        assertThat(marked.has(LIMIT * CHUNK - PAGE, 1)).isFalse();
    }
}
