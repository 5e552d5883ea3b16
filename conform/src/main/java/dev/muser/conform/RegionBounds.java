package dev.muser.conform;

import java.util.function.ToLongFunction;

/**
 * Reads, or writes, that must be refused of every region since they leave its bounds.
 *
 * @param section gets the cases
 * @param access sees one refused, of a region that takes such accesses
 */
record RegionBounds(Section section, Access access) {
    /** Reads, or writes. */
    interface Access {
        void refused(Trial t, Device.Region region, long offset, long count);
    }

    /** Adds what is beyond for both. */
    void add() {
        add("beyond", "a byte right behind a region", region -> region.size(), 1);
        add("over-end", "two bytes from the last of a region", region -> region.size() - 1, 2);
        add("far", "a byte at 2^63", _ -> Long.MIN_VALUE, 1);
        add("wrap", "an offset that wraps around with the count", _ -> -4, 8);
    }

    void add(String name, String what, ToLongFunction<Device.Region> offset, long count) {
        section.must(
                name,
                what + " is refused, of every region",
                t -> {
                    for (var region : t.device().regions) {
                        access.refused(t, region, offset.applyAsLong(region), count);
                    }
                });
    }
}
