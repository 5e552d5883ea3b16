package dev.muser.device.pci;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** The parts of a BAR that are not registers, by offset. */
final class AreaMap {
    private record Place(String name, long offset, long size, BarArea area) {}

    private final String owner;
    private final long size;
    private final List<Place> declared = new ArrayList<>();
    private Place[] places = {};

    AreaMap(String owner, long size) {
        this.owner = owner;
        this.size = size;
    }

    void add(String name, long offset, long length, BarArea area) {
        if (offset < 0 || length <= 0 || offset > size - length) {
            throw new IllegalArgumentException(
                    "%s of %s, 0x%x bytes at 0x%x, does not lie within its 0x%x bytes"
                            .formatted(name, owner, length, offset, size));
        }
        declared.add(new Place(name, offset, length, area));
    }

    /** Sorts, and checks that no two overlap, nor one a register. */
    void seal(RegisterBank registers) {
        declared.sort(Comparator.comparingLong(Place::offset));
        places = declared.toArray(Place[]::new);
        for (int i = 0; i < places.length; i++) {
            var place = places[i];
            if (i > 0 && place.offset < places[i - 1].offset + places[i - 1].size) {
                throw new IllegalArgumentException(
                        "%s and %s of %s overlap at 0x%x"
                                .formatted(places[i - 1].name, place.name, owner, place.offset));
            }
            var register = registers.firstWithin(place.offset, place.size);
            if (register != null) {
                throw new IllegalArgumentException(
                        "%s and register %s of %s overlap at 0x%x"
                                .formatted(
                                        place.name,
                                        register.name(),
                                        owner,
                                        Math.max(place.offset, register.offset())));
            }
        }
    }

    boolean isEmpty() {
        return places.length == 0;
    }

    int count() {
        return places.length;
    }

    /** Hot. Returns the index of the first area that ends after {@code offset}, or the count. */
    int atOrAfter(long offset) {
        int low = 0;
        int high = places.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (places[middle].offset + places[middle].size <= offset) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    BarArea area(int index) {
        return places[index].area;
    }

    long start(int index) {
        return places[index].offset;
    }

    long end(int index) {
        return places[index].offset + places[index].size;
    }

    void reset() {
        for (var place : places) {
            place.area.reset();
        }
    }
}
