package dev.muser.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is held against a controller is noticed when it is so. */
class NvmeRulesTest {
    private static final Set<String> IO =
            Set.of("write", "read", "read-list", "compare", "zeroes", "discard", "flush");

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

    private MemorySegment share() {
        var memory = MemorySegment.ofArray(new byte[(int) (NvmeQueues.END - NvmeQueues.BEGIN)]);
        queues.share(memory);
        queues.enabled();
        fetch(7);
        return memory;
    }

    private static void store(MemorySegment memory, int slot, int command, int phase) {
        long at = NvmeQueues.completions(0) - NvmeQueues.BEGIN + 16L * slot;
        memory.set(ValueLayout.JAVA_INT_UNALIGNED, at + 12, command | phase << 16);
    }

    @Test
    void shouldSeeEachEntryOfASharedQueueOnce() {
        var memory = share();
        store(memory, 0, 7, 1);
        queues.poll();
        queues.poll();
        assertThat(queues.hasSucceeded(7)).isTrue();
        assertThat(queues.head(0)).isEqualTo(1);
    }

    @Test
    void shouldFindTwoCompletionsInASharedQueue() {
        var memory = share();
        store(memory, 0, 7, 1);
        store(memory, 1, 7, 1);
        shouldFind("not under way", queues::poll);
    }

    @Test
    void shouldSeeThatAQueueChangesOnceTheControllerIsNotReady() {
        var memory = share();
        queues.ended();
        assertThat(queues.isUnchanged()).isTrue();
        store(memory, 3, 7, 1);
        assertThat(queues.isUnchanged()).isFalse();
    }

    /** A seed is worth something if it gets where the fuzzer would hardly get. */
    @ParameterizedTest
    @MethodSource("seeds")
    void shouldDoWhatASeedAsksFor(String seed) {
        byte[] bytes = Objects.requireNonNull(NvmeSeeds.all().get(seed));
        try (var target = new NvmeTarget();
                var run = new NvmeRun(target, new Input(bytes))) {
            run.begin();
            run.all();
            assertThat(run.queues.hasSucceeded(lastCommand(seed))).isTrue();
        }
    }

    private static int lastCommand(String seed) {
        return seed.startsWith("shared") ? 10 : IO.contains(seed) ? 9 : 1;
    }

    /** But that which waits for an event, for ever. */
    private static Stream<String> seeds() {
        return NvmeSeeds.all().keySet().stream().filter(seed -> !seed.equals("event"));
    }
}
