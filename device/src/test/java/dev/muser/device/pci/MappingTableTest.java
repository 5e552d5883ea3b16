package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.DmaAccess;
import java.util.ArrayList;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MappingTableTest {
    private final MappingTable table = new MappingTable();

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {5, 6, 7, 8})
    void shouldFindWhatATreeFinds(long seed) {
        var random = new Random(seed);
        var tree = new TreeMap<Long, DmaMapping>(Long::compareUnsigned);
        // at first it mostly grows, then it mostly shrinks, over both halves of the address space
        for (int step = 0; step < 60_000; step++) {
            long slot = random.nextInt(40_000) - 20_000L;
            long iova = slot * 0x1000;
            var known = tree.get(iova);
            boolean grow = random.nextInt(10) < (step < 30_000 ? 8 : 2);
            if (known == null && grow) {
                var mapping =
                        new DmaMapping(iova, 1 + random.nextInt(0x1000), DmaAccess.READ, null, 0);
                tree.put(iova, mapping);
                table.add(mapping);
            } else if (known != null && !grow) {
                tree.remove(iova);
                table.remove(known);
            }
            long address = (random.nextInt(40_002) - 20_001L) * 0x1000 + random.nextInt(0x1000);
            assertThat(table.floor(address)).isSameAs(value(tree.floorEntry(address)));
        }
        assertThat(table.size()).isEqualTo(tree.size());
        var listed = new ArrayList<DmaMapping>();
        table.forEach(listed::add);
        assertThat(listed).containsExactlyElementsOf(tree.values());
    }

    private static @Nullable Object value(Map.@Nullable Entry<Long, DmaMapping> entry) {
        return entry == null ? null : entry.getValue();
    }

    @Test
    void shouldHoldAMillionMappingsInAnyOrder() {
        int count = 1_000_000;
        for (int i = 0; i < count; i++) {
            long slot = (i * 7919L) % count; // 7919 is prime, so that each slot comes once
            table.add(new DmaMapping(slot * 0x1000, 0x1000, DmaAccess.READ, null, 0));
        }
        assertThat(table.size()).isEqualTo(count);
        for (long slot = 0; slot < count; slot += 997) {
            var found = table.at(slot * 0x1000 + 0xfff);
            assertThat(found).isNotNull().extracting(m -> m.iova).isEqualTo(slot * 0x1000);
        }
        assertThat(table.at(count * 0x1000L)).isNull();
        for (int i = 0; i < count; i++) {
            long slot = (i * 104_729L) % count;
            var found = table.at(slot * 0x1000);
            if (found != null) {
                table.remove(found);
            }
        }
        assertThat(table.size()).isZero();
        assertThat(table.floor(-1)).isNull();
    }

    @Test
    void shouldBeEmptyAfterClear() {
        table.add(new DmaMapping(-0x1000, 0x1000, DmaAccess.READ, null, 0));
        table.add(new DmaMapping(0, 0x1000, DmaAccess.READ, null, 0));
        assertThat(table.at(-1)).isNotNull();
        table.clear();
        assertThat(table.size()).isZero();
        assertThat(table.at(0)).isNull();
    }

    @Test
    void shouldAllocateNothingForLookUps() {
        for (int i = 0; i < 10_000; i++) {
            table.add(new DmaMapping(i * 0x2000L, 0x1000, DmaAccess.READ, null, 0));
        }
        var found = new int[1];
        Runnable loop =
                () -> {
                    for (int i = 0; i < 100_000; i++) {
                        found[0] += table.at(i * 0x1777L) == null ? 0 : 1;
                    }
                };
        assertThat(Allocation.of(loop)).isZero();
        assertThat(found[0]).isPositive();
    }
}
