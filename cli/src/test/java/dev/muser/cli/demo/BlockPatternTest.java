package dev.muser.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class BlockPatternTest {
    private static final int BLOCK = BlockPattern.BLOCK;

    private final BlockPattern pattern = new BlockPattern(4L * BLOCK, 1);
    private final MemorySegment memory = Arena.ofAuto().allocate(3L * BLOCK, 8);

    @Test
    void shouldExpectZerosWhereNothingWasWritten() {
        assertThat(pattern.matches(2, memory, 0)).isTrue();
        memory.set(ValueLayout.JAVA_BYTE, BLOCK - 1, (byte) 1);
        assertThat(pattern.matches(2, memory, 0)).isFalse();
    }

    @Test
    void shouldKnowWhatItWrote() {
        pattern.fill(2, memory, BLOCK);
        assertThat(pattern.matches(2, memory, BLOCK)).isTrue();
    }

    @Test
    void shouldTellLostExchangedTornAndOldBlocks() {
        pattern.fill(2, memory, 0);
        assertThat(pattern.matches(2, memory, BLOCK)).as("lost").isFalse();
        pattern.fill(3, memory, BLOCK);
        assertThat(pattern.matches(2, memory, BLOCK)).as("exchanged").isFalse();
        pattern.fill(2, memory, BLOCK);
        assertThat(pattern.matches(2, memory, 0)).as("old").isFalse();
        MemorySegment.copy(memory, BLOCK, memory, 2L * BLOCK, BLOCK / 2);
        MemorySegment.copy(memory, BLOCK / 2, memory, 2L * BLOCK + BLOCK / 2, BLOCK / 2);
        assertThat(pattern.matches(2, memory, 2L * BLOCK)).as("torn").isFalse();
        assertThat(pattern.matches(2, memory, BLOCK)).isTrue();
    }

    @Test
    void shouldGiveABlockToOneCommandOnly() {
        assertThat(pattern.take(1)).isTrue();
        assertThat(pattern.take(1)).isFalse();
        pattern.give(1);
        assertThat(pattern.take(1)).isTrue();
    }
}
