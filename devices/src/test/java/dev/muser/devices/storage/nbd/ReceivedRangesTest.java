package dev.muser.devices.storage.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class ReceivedRangesTest {

    @Test
    void shouldAgreeWithASetOfBits() {
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (int round = 0; round < 300; round++) {
            int length = 1 + random.nextInt(300);
            var ranges = new ReceivedRanges();
            var bits = new BitSet();
            for (int i = 0; i < 400; i++) {
                int start = random.nextInt(length);
                int end = Math.min(length, start + 1 + random.nextInt(8));
                boolean fresh = bits.get(start, end).isEmpty();
                assertThat(ranges.add(start, end)).as("seed %d", seed).isEqualTo(fresh);
                if (fresh) {
                    bits.set(start, end);
                }
                assertThat(ranges.isWhole(length))
                        .as("seed %d", seed)
                        .isEqualTo(bits.cardinality() == length);
            }
        }
    }

    @Test
    void shouldTakeEveryOtherSectorOfTheLargestRead() {
        var ranges = new ReceivedRanges();
        for (int at = 512; at < NbdCommand.MAX_DATA; at += 1024) {
            assertThat(ranges.add(at, at + 512)).isTrue();
        }
        for (int at = 0; at < NbdCommand.MAX_DATA; at += 1024) {
            assertThat(ranges.isWhole(NbdCommand.MAX_DATA)).isFalse();
            assertThat(ranges.add(at, at + 512)).isTrue();
        }
        assertThat(ranges.isWhole(NbdCommand.MAX_DATA)).isTrue();
    }

    @Test
    void shouldHaveABound() {
        var ranges = new ReceivedRanges();
        int taken = 0;
        while (ranges.add(2 * taken, 2 * taken + 1)) {
            taken++;
        }
        assertThat(taken).isEqualTo(1024);
    }
}
