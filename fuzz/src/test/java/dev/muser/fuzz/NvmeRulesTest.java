package dev.muser.fuzz;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What is held against a controller is noticed when it is so. */
class NvmeRulesTest {
    private final NvmeQueues queues = new NvmeQueues();

    @BeforeEach
    void enable() {
        queues.enabled();
        fetch(7);
    }

    private void fetch(int command) {
        var entry = MemorySegment.ofArray(new byte[64]);
        entry.set(ValueLayout.JAVA_INT_UNALIGNED, 0, 6 | command << 16);
        queues.fetched(0, entry);
    }

    private void complete(int slot, int command, int phase) {
        var entry = MemorySegment.ofArray(new byte[16]);
        entry.set(ValueLayout.JAVA_INT_UNALIGNED, 12, command | phase << 16);
        queues.written(NvmeQueues.completions(0) + 16L * slot, entry);
    }

    private void shouldFind(String what, Runnable cause) {
        assertThatExceptionOfType(Finding.class).isThrownBy(cause::run).withMessageContaining(what);
    }

    @Test
    void shouldBearWhatIsRight() {
        assertThatCode(
                        () -> {
                            complete(0, 7, 1);
                            for (int i = 1; i < 40; i++) {
                                fetch(i);
                                complete(i % 16, i, i / 16 % 2 == 0 ? 1 : 0);
                            }
                        })
                .doesNotThrowAnyException();
    }

    @Test
    void shouldFindTwoCompletionsOfOneCommand() {
        complete(0, 7, 1);
        shouldFind("not under way", () -> complete(1, 7, 1));
    }

    @Test
    void shouldFindACompletionOfNoCommand() {
        shouldFind("not under way", () -> complete(0, 8, 1));
    }

    @Test
    void shouldFindAnOldPhase() {
        shouldFind("phase", () -> complete(0, 7, 0));
    }

    @Test
    void shouldFindAnEntryInTheWrongPlace() {
        shouldFind("and 0 is next", () -> complete(1, 7, 1));
    }

    @Test
    void shouldSayNothingOnceTheDriverHasWrittenToRegisters() {
        queues.lost();
        assertThatCode(() -> complete(5, 9, 0)).doesNotThrowAnyException();
    }
}
