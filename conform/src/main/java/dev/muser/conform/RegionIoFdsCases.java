package dev.muser.conform;

import static dev.muser.conform.Command.*;

/** "VFIO_USER_DEVICE_GET_REGION_IO_FDS", which is optional. */
final class RegionIoFdsCases {
    private static final int FIXED = 16;
    private static final long NO_DESCRIPTOR = 0xffffffffL;

    private RegionIoFdsCases() {}

    static Section section() {
        var s = new Section("region-io-fds");
        s.must(
                "entries",
                "each sub-region is within its region, and has a descriptor of the reply",
                t -> {
                    offered(t);
                    for (var region : t.device().regions) {
                        entries(t, region);
                    }
                });
        s.must(
                "argsz-fixed",
                "with argsz 16 only the count comes, with the size that all needs in argsz",
                t -> {
                    offered(t);
                    for (var region : t.device().regions) {
                        var whole =
                                t.answered(
                                        GET_REGION_IO_FDS,
                                        Requests.regionIoFds(4096, 0, region.index(), 0));
                        if (!whole.isError() && whole.length() > FIXED) {
                            var reply =
                                    t.acceptedWith(
                                            FIXED,
                                            GET_REGION_IO_FDS,
                                            Requests.regionIoFds(FIXED, 0, region.index(), 0));
                            t.equal("argsz", whole.u32(0), reply.u32(0));
                            t.prefer(
                                    reply.fds().isEmpty(),
                                    "no descriptors",
                                    reply.fds().size() + "");
                        }
                    }
                });
        s.must(
                "index-beyond",
                "the index after the last is refused",
                t ->
                        t.refused(
                                GET_REGION_IO_FDS,
                                Requests.regionIoFds(4096, 0, t.device().regionCount, 0)));
        s.must(
                "index-max",
                "index 2^32 - 1 is refused",
                t -> t.refused(GET_REGION_IO_FDS, Requests.regionIoFds(4096, 0, 0xffffffffL, 0)));
        s.should(
                "flags",
                "flags other than 0 are refused",
                t -> t.refused(GET_REGION_IO_FDS, Requests.regionIoFds(4096, 1, region(t), 0)));
        s.should(
                "count",
                "a count other than 0 is refused",
                t -> t.refused(GET_REGION_IO_FDS, Requests.regionIoFds(4096, 0, region(t), 1)));
        s.tooShort(GET_REGION_IO_FDS, Requests.regionIoFds(FIXED, 0, 0, 0));
        s.argszTooSmall(GET_REGION_IO_FDS, Requests.regionIoFds(FIXED, 0, 0, 0));
        return s;
    }

    private static int region(Trial t) {
        for (var region : t.device().regions) {
            if (region.size() > 0
                    && !t.answered(
                                    GET_REGION_IO_FDS,
                                    Requests.regionIoFds(4096, 0, region.index(), 0))
                            .isError()) {
                return region.index();
            }
        }
        throw new NotOffered("the server answers for no region");
    }

    private static void offered(Trial t) {
        region(t);
    }

    // entry: offset u64 @0, size u64 @8, fd_index u32 @16, type u32 @20, flags u32 @24, and 12 or
    // 20 bytes more: libvfio-user's are 48 bytes long

    private static void entries(Trial t, Device.Region region) {
        var reply = t.answered(GET_REGION_IO_FDS, Requests.regionIoFds(4096, 0, region.index(), 0));
        if (reply.isError()) {
            return; // an unused region may be refused
        }
        t.check(reply.length() >= FIXED, "16 bytes at least", reply.length() + " bytes");
        long argsz = reply.u32(0);
        long count = reply.u32(12);
        t.equal("flags", 0, reply.u32(4));
        t.equal("index", region.index(), reply.u32(8));
        t.need(argsz <= 4096, "more than 4 KiB of sub-regions");
        t.equal("length, as argsz says,", argsz, reply.length());
        if (count == 0) {
            t.equal("argsz without sub-regions", FIXED, argsz);
            return;
        }
        long entry = (argsz - FIXED) / count;
        t.check(
                entry >= 40 && entry * count == argsz - FIXED,
                "sub-regions of 40 bytes at least",
                "%d bytes for %d".formatted(argsz - FIXED, count));
        for (int i = 0; i < count; i++) {
            int at = (int) (FIXED + i * entry);
            long offset = reply.u64(at);
            long size = reply.u64(at + 8);
            long index = reply.u32(at + 16);
            t.check(
                    offset >= 0 && size >= 0 && offset <= region.size() - size,
                    "sub-region %d within the region".formatted(i),
                    "0x%x+0x%x".formatted(offset, size));
            t.check(
                    index < reply.fds().size() || index == NO_DESCRIPTOR,
                    "sub-region %d with a descriptor of the reply".formatted(i),
                    "fd_index %d of %d".formatted(index, reply.fds().size()));
            t.check(
                    reply.u32(at + 20) <= 2,
                    "type 0 or 1, or 2 of libvfio-user",
                    "type " + reply.u32(at + 20));
        }
    }
}
