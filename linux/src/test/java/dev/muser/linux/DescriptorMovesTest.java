package dev.muser.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Against a table of descriptors as a process has one. */
class DescriptorMovesTest {
    /** Does what the plan says, and returns how many duplicates it asked for. */
    private static int check(int[] sources, int first) {
        var table = new HashMap<Integer, String>();
        for (int source : sources) {
            table.put(source, "file " + source);
        }
        int[] next = {100_000};
        int[] plan =
                DescriptorMoves.plan(
                        sources,
                        first,
                        number -> {
                            table.put(next[0], table.get(number));
                            return next[0]++;
                        });
        for (int i = 0; i < plan.length; i += 2) {
            table.put(plan[i + 1], table.get(plan[i]));
        }
        for (int i = 0; i < sources.length; i++) {
            assertThat(table.get(first + i))
                    .as("number %d, of %s", first + i, Arrays.toString(sources))
                    .isEqualTo("file " + sources[i]);
        }
        return next[0] - 100_000;
    }

    @Test
    void shouldMoveWhatIsInNobodysWay() {
        assertThat(check(new int[] {}, 3)).isZero();
        assertThat(check(new int[] {10, 9, 11}, 3)).isZero();
    }

    @Test
    void shouldLeaveWhatIsInItsPlace() {
        assertThat(check(new int[] {3, 4, 5}, 3)).isZero();
    }

    @Test
    void shouldMoveFirstWhatIsInTheWay() {
        assertThat(check(new int[] {9, 3, 4, 5}, 3)).isZero();
        assertThat(check(new int[] {4, 5, 6, 20}, 3)).isZero();
    }

    @Test
    void shouldTakeOneDuplicateForEachRing() {
        assertThat(check(new int[] {4, 3}, 3)).isEqualTo(1);
        assertThat(check(new int[] {4, 5, 3, 7, 6, 30}, 3)).isEqualTo(2);
    }

    @Test
    void shouldMoveAnySet() {
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (int round = 0; round < 2000; round++) {
            var numbers = new ArrayList<Integer>();
            int size = random.nextInt(30);
            for (int i = 0; i < size + random.nextInt(10); i++) {
                numbers.add(3 + i);
            }
            Collections.shuffle(numbers, random);
            try {
                check(numbers.stream().limit(size).mapToInt(i -> i).toArray(), 3);
            } catch (AssertionError e) {
                throw new AssertionError("seed " + seed + ", round " + round, e);
            }
        }
    }
}
