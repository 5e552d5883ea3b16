package dev.muser.protocol;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Writes a DEVICE_GET_REGION_INFO reply with its capability chain, cut to what the client takes.
 *
 * <pre>{@code
 * writer.start(segment, at, room, request.argsz(), request.index(), flags, size, mmapOffset);
 * writer.sparseMmap(2);
 * writer.area(0, 0x1000);
 * writer.area(0x2000, 0x1000);
 * int length = writer.finish();
 * boolean withFd = mappable && !writer.isTruncated();
 * }</pre>
 *
 * <p>A reply that the client has no room for is cut to the client's argsz, says in argsz what a
 * full one takes, and has neither the CAPS flag nor a descriptor; MMAP stays. This is what
 * libvfio-user does. Belongs to one thread.
 */
public final class RegionInfoWriter {
    private MemorySegment segment = MemorySegment.NULL;
    private long at;
    private int room;
    private long argsz;
    private int limit;
    private int index;
    private int flags;
    private long size;
    private long mmapOffset;
    private int full;
    private int last;
    private int areasLeft;

    /**
     * Begins a reply.
     *
     * @param room how many bytes may be written at {@code at}
     * @param argsz the client's, validated: at least 32
     * @param flags without CAPS, which is set when there are capabilities
     * @param size the region's, in bytes
     * @param mmapOffset where in the descriptor's file the region starts
     */
    public void start(
            MemorySegment segment,
            long at,
            int room,
            long argsz,
            int index,
            int flags,
            long size,
            long mmapOffset) {
        Objects.checkFromIndexSize(at, room, segment.byteSize());
        this.segment = segment;
        this.at = at;
        this.room = room;
        this.argsz = argsz;
        this.limit = (int) Math.min(room, argsz);
        this.index = index;
        this.flags = flags;
        this.size = size;
        this.mmapOffset = mmapOffset;
        full = RegionInfo.SIZE;
        last = 0;
        areasLeft = 0;
    }

    /** Adds a sparse capability; {@code areas} calls of {@link #area} must follow. */
    public void sparseMmap(int areas) {
        int cap = add(RegionCapabilities.SPARSE_MMAP, RegionCapabilities.AREAS);
        if (cap + RegionCapabilities.AREAS <= limit) {
            Wire.u32(segment, at + cap + RegionCapabilities.NR_AREAS, areas);
            Wire.u32(segment, at + cap + RegionCapabilities.NR_AREAS + 4, 0);
        }
        areasLeft = areas;
    }

    /** Adds an area that can be mapped: offset in the region and size, in bytes. */
    public void area(long offset, long size) {
        if (areasLeft == 0) {
            throw new IllegalStateException("more areas than sparseMmap was told");
        }
        areasLeft--;
        if (full + RegionCapabilities.AREA <= limit) {
            Wire.u64(segment, at + full, offset);
            Wire.u64(segment, at + full + 8, size);
        }
        full += RegionCapabilities.AREA;
    }

    /** Adds what a device-specific region is. */
    public void type(int type, int subtype) {
        int cap = add(RegionCapabilities.TYPE, RegionCapabilities.TYPE_SIZE);
        if (full <= limit) {
            Wire.u32(segment, at + cap + RegionCapabilities.TYPE_TYPE, type);
            Wire.u32(segment, at + cap + RegionCapabilities.TYPE_SUBTYPE, subtype);
        }
    }

    /** Says that the MSI-X table may be mapped with the rest. */
    public void msixMappable() {
        add(RegionCapabilities.MSIX_MAPPABLE, RegionCapabilities.HEADER);
    }

    private int add(int id, int capSize) {
        if (areasLeft != 0) {
            throw new IllegalStateException(areasLeft + " areas are still to be added");
        }
        int cap = full;
        full += capSize;
        if (full <= limit) {
            Wire.u16(segment, at + cap + RegionCapabilities.ID, id);
            Wire.u16(segment, at + cap + RegionCapabilities.VERSION, 1);
            Wire.u32(segment, at + cap + RegionCapabilities.NEXT, 0);
            if (last != 0) {
                Wire.u32(segment, at + last + RegionCapabilities.NEXT, cap);
            }
            last = cap;
        }
        return cap;
    }

    /**
     * Ends the reply.
     *
     * @return the payload's length in bytes
     * @throws IllegalStateException if areas are missing, or if the client has the room that this
     *     side does not have
     */
    public int finish() {
        if (areasLeft != 0) {
            throw new IllegalStateException(areasLeft + " areas are still to be added");
        }
        boolean cut = full > limit;
        if (cut && room < argsz) {
            throw new IllegalStateException("room for " + room + " bytes, the reply has " + full);
        }
        boolean caps = full > RegionInfo.SIZE && !cut;
        RegionInfo.encodeFixed(
                segment,
                at,
                full,
                caps ? flags | RegionInfo.FLAG_CAPS : flags,
                index,
                caps ? RegionInfo.SIZE : 0,
                size,
                mmapOffset);
        if (cut) {
            segment.asSlice(at + RegionInfo.SIZE, limit - RegionInfo.SIZE).fill((byte) 0);
            return limit;
        }
        return full;
    }

    /** Whether the client lacks the room for the whole reply; a cut reply has no descriptor. */
    public boolean isTruncated() {
        return full > limit;
    }
}
