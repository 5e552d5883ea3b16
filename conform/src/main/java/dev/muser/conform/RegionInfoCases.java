package dev.muser.conform;

import static dev.muser.conform.Command.*;

import dev.muser.linux.FileStatus;

/** "VFIO_USER_DEVICE_GET_REGION_INFO". */
final class RegionInfoCases {
    private static final int FIXED = 32;
    private static final int MMAP = 4;
    private static final int CAPS = 8;
    private static final int SPARSE_MMAP = 1;
    private static final int PAGE = 4096;

    private RegionInfoCases() {}

    static Section section() {
        var s = new Section("region-info");
        for (int index = 0; index < 9; index++) {
            int i = index;
            s.must(
                    "region-" + i,
                    "what is said of region %d is consistent".formatted(i),
                    t -> consistent(t, i));
        }
        s.must(
                "argsz-fixed",
                "with argsz 32 only the structure comes, with the size that all needs in argsz",
                RegionInfoCases::fixedPart);
        s.must(
                "argsz-part",
                "with room for part of the capabilities the reply is not longer than argsz",
                t -> {
                    var region = withCapabilities(t);
                    long room = region.argsz() - 8;
                    var reply = t.accepted(GET_REGION_INFO, Requests.regionInfo(room, index(t)));
                    t.equal("argsz", region.argsz(), reply.u32(0));
                    t.check(
                            reply.length() <= room,
                            "at most %d bytes".formatted(room),
                            reply.length() + " bytes");
                });
        s.should(
                "cut",
                "a reply that is cut has neither descriptors nor the CAPS flag",
                t -> {
                    withCapabilities(t);
                    var reply = t.accepted(GET_REGION_INFO, Requests.regionInfo(FIXED, index(t)));
                    t.equal("descriptors:", 0, reply.fds().size());
                    t.check(
                            (reply.u32(4) & CAPS) == 0,
                            "no flag 8",
                            "flags 0x%x".formatted(reply.u32(4)));
                });
        s.must(
                "argsz-max",
                "argsz 2^32 - 1 brings what there is and no more",
                t -> {
                    var reply = t.accepted(GET_REGION_INFO, Requests.regionInfo(0xffffffffL, 7));
                    t.equal("length", reply.u32(0), reply.length());
                });
        s.should(
                "config",
                "configuration space has 256 or 4096 bytes, and can be read and written",
                t -> {
                    var reply = t.accepted(GET_REGION_INFO, Requests.regionInfo(4096, 7));
                    long size = reply.u64(16);
                    t.check(size == 256 || size == 4096, "256 or 4096", size + "");
                    t.equal("flags", 3, reply.u32(4) & 3);
                });
        s.must(
                "index-beyond",
                "the index after the last is refused",
                t -> t.refused(GET_REGION_INFO, Requests.regionInfo(4096, t.device().regionCount)));
        s.must(
                "index-max",
                "index 2^32 - 1 is refused",
                t -> t.refused(GET_REGION_INFO, Requests.regionInfo(4096, 0xffffffffL)));
        s.tooShort(GET_REGION_INFO, Requests.regionInfo(FIXED, 7));
        s.argszTooSmall(GET_REGION_INFO, Requests.regionInfo(FIXED, 7));
        return s;
    }

    private static void consistent(Trial t, int index) {
        t.need(index < t.device().regionCount, "no region " + index);
        var reply = t.accepted(GET_REGION_INFO, Requests.regionInfo(4096, index));
        t.check(reply.length() >= FIXED, "32 bytes at least", reply.length() + " bytes");
        long argsz = reply.u32(0);
        long flags = reply.u32(4);
        long size = reply.u64(16);
        t.equal("index", index, reply.u32(8));
        t.check(argsz >= FIXED, "argsz 32 at least", "argsz " + argsz);
        t.need(argsz <= 4096, "more than 4 KiB of capabilities: %d".formatted(argsz));
        t.equal("length, as argsz says,", argsz, reply.length());
        t.check(size >= 0, "a size below 2^63", "0x%x".formatted(size));
        t.prefer((flags & ~0xfL) == 0, "flags 1, 2, 4, 8 only", "0x%x".formatted(flags));
        boolean mappable = (flags & MMAP) != 0;
        t.check(!mappable || size > 0, "MMAP with a size only", "size 0");
        t.equal("descriptors:", mappable ? 1 : 0, reply.fds().size());
        boolean capabilities = (flags & CAPS) != 0;
        t.check(
                capabilities == (argsz > FIXED),
                "flag CAPS with capabilities only",
                "flags 0x%x and argsz %d".formatted(flags, argsz));
        long end = mappable && !capabilities ? size : 0;
        if (capabilities) {
            end = capabilities(t, reply, size);
        } else {
            t.equal("cap_offset", 0, reply.u32(12));
        }
        if (mappable) {
            long file = FileStatus.of(reply.fds().getFirst()).size();
            t.prefer(
                    file >= reply.u64(24) + end,
                    "a file of %d bytes at least".formatted(reply.u64(24) + end),
                    file + " bytes");
        }
    }

    /** Checks the chain, and returns where the last mappable area ends. */
    private static long capabilities(Trial t, Message reply, long size) {
        long at = reply.u32(12);
        long end = 0;
        for (int n = 0; at != 0; n++) {
            t.check(n < 16, "an end of the capabilities", "a 17th");
            t.check(
                    at >= FIXED && at + 8 <= reply.length(),
                    "a capability within the reply",
                    "one at " + at);
            if (reply.u16((int) at) == SPARSE_MMAP) {
                end = Math.max(end, areas(t, reply, (int) at, size));
            }
            at = reply.u32((int) at + 4);
        }
        return end;
    }

    // struct vfio_region_info_cap_sparse_mmap: header 8, nr_areas u32 @8, reserved u32 @12, areas
    // of offset u64, size u64 @16

    private static long areas(Trial t, Message reply, int at, long size) {
        t.equal("version of the sparse mmap capability", 1, reply.u16(at + 2));
        t.check(at + 16 <= reply.length(), "nr_areas within the reply", "the end before it");
        long areas = reply.u32(at + 8);
        t.check(
                areas >= 0 && at + 16 + areas * 16 <= reply.length(),
                "areas within the reply",
                areas + " areas");
        long end = 0;
        for (int i = 0; i < areas; i++) {
            long offset = reply.u64(at + 16 + i * 16);
            long length = reply.u64(at + 24 + i * 16);
            t.check(
                    offset >= end && length > 0 && offset <= size - length,
                    "area %d in order, within %d bytes".formatted(i, size),
                    "0x%x+0x%x".formatted(offset, length));
            t.check(
                    offset % PAGE == 0 && length % PAGE == 0,
                    "area %d of whole pages".formatted(i),
                    "0x%x+0x%x".formatted(offset, length));
            end = offset + length;
        }
        return end;
    }

    private static void fixedPart(Trial t) {
        for (var region : t.device().regions) {
            var request = Requests.regionInfo(FIXED, region.index());
            var reply = t.acceptedWith(FIXED, GET_REGION_INFO, request);
            t.equal("argsz", region.argsz(), reply.u32(0));
            t.equal("size", region.size(), reply.u64(16));
        }
    }

    private static Device.Region withCapabilities(Trial t) {
        for (var region : t.device().regions) {
            if (region.argsz() > FIXED) {
                return region;
            }
        }
        throw new NotOffered("no region has capabilities");
    }

    private static int index(Trial t) {
        return withCapabilities(t).index();
    }
}
