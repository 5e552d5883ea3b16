package dev.muser.device;

import dev.muser.linux.Fd;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a region is ({@code struct vfio_region_info}).
 *
 * @param size in bytes; 0 when the device does not have it
 * @param readable whether it can be read
 * @param writable whether it can be written
 * @param file the memory behind {@code areas}, or null when the client cannot map the region
 * @param offset where the region begins in {@code file}, in bytes
 * @param areas the parts that can be mapped, in ascending order, page-aligned; empty without a
 *     {@code file}. One area of the region's whole size means that all of it can be.
 */
public record RegionInfo(
        long size,
        boolean readable,
        boolean writable,
        @Nullable Fd file,
        long offset,
        List<Area> areas) {

    /** A region that the device does not have. */
    public static final RegionInfo ABSENT = new RegionInfo(0, false, false, null, 0, List.of());

    public RegionInfo {
        areas = List.copyOf(areas);
    }

    /** A region that is reached by messages alone. */
    public static RegionInfo of(long size, boolean readable, boolean writable) {
        return new RegionInfo(size, readable, writable, null, 0, List.of());
    }

    public boolean mappable() {
        return file != null;
    }

    /** A part of a region: where it begins in the region, and how long it is, in bytes. */
    public record Area(long offset, long size) {}
}
