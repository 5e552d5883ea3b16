package dev.muser.linux;

import java.util.Arrays;
import java.util.function.IntUnaryOperator;

/**
 * In which order descriptors are duplicated to given numbers, so that none is overwritten before it
 * has been moved itself.
 */
final class DescriptorMoves {
    private DescriptorMoves() {}

    /**
     * Returns pairs of numbers, from and to, for {@code dup2(2)} in this order: {@code sources[i]}
     * comes to be {@code first + i}. No number is twice in {@code sources}.
     *
     * @param duplicate gives a number of the same file that is neither a source nor a target; asked
     *     once for each ring of descriptors, which are all in each other's way
     */
    static int[] plan(int[] sources, int first, IntUnaryOperator duplicate) {
        int n = sources.length;
        var inTheWay = new int[n]; // by target: the index of the source that has its number, or -1
        Arrays.fill(inTheWay, -1);
        for (int i = 0; i < n; i++) {
            int target = sources[i] - first;
            if (target >= 0 && target < n) {
                inTheWay[target] = i;
            }
        }
        var planned = new boolean[n];
        var path = new int[n];
        var plan = new int[2 * n];
        int length = 0;
        for (int start = 0; start < n; start++) {
            int depth = 0;
            int at = start;
            while (at >= 0 && !planned[at]) {
                planned[at] = true;
                path[depth++] = at;
                at = inTheWay[at];
            }
            // numbers differ, so a path that comes back comes back to its start
            boolean ring = depth > 1 && at == start;
            int startSource = ring ? duplicate.applyAsInt(sources[start]) : sources[start];
            while (--depth >= 0) {
                plan[length++] = depth == 0 ? startSource : sources[path[depth]];
                plan[length++] = first + path[depth];
            }
        }
        return plan;
    }
}
