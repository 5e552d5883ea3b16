package dev.muser.device.pci;

import dev.muser.device.ClientKind;
import dev.muser.device.Region;
import dev.muser.device.RegionInfo;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The regions of a device by index, and what they are for the client that is there. */
final class PciRegions {
    private final @Nullable PciRegion[] regions;
    private final RegionInfo[] infos = new RegionInfo[Region.COUNT];

    /**
     * @param regions what answers for each index; null where there is nothing
     */
    PciRegions(@Nullable PciRegion[] regions) {
        this.regions = regions;
        describe(ClientKind.UNKNOWN);
    }

    void describe(ClientKind kind) {
        for (int i = 0; i < infos.length; i++) {
            var region = regions[i];
            infos[i] = region == null ? RegionInfo.ABSENT : region.info(kind);
        }
    }

    /** Hot. Throws EINVAL when VFIO has no region of that number. */
    RegionInfo info(int index) {
        requireIndex(index);
        return infos[index];
    }

    private static void requireIndex(int index) {
        if (index < 0 || index >= Region.COUNT) {
            throw new VfioException(
                    Errno.EINVAL,
                    "region %s of %d".formatted(Integer.toUnsignedString(index), Region.COUNT));
        }
    }

    /** Hot. Throws EINVAL when the device has no such region. */
    PciRegion require(int index) {
        requireIndex(index);
        var region = regions[index];
        if (region == null) {
            throw new VfioException(Errno.EINVAL, "the device has no region " + index);
        }
        return region;
    }

    /** Hot. Throws EINVAL when the range is not all in the region, which is there. */
    void requireRange(int index, long offset, int count) {
        long size = infos[index].size();
        if (count < 0 || offset < 0 || offset > size || count > size - offset) {
            throw new VfioException(
                    Errno.EINVAL,
                    "region %d has 0x%x bytes, asked for 0x%x at 0x%x"
                            .formatted(index, size, count, offset));
        }
    }

    List<RegisterSnapshot> registers(int index) {
        requireIndex(index);
        return regions[index] instanceof Bar bar ? bar.snapshot() : List.of();
    }

    void reset() {
        for (var region : regions) {
            if (region != null) {
                region.reset();
            }
        }
    }
}
