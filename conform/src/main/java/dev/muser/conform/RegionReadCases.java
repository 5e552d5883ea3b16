package dev.muser.conform;

import static dev.muser.conform.Command.*;

import java.util.Arrays;

/**
 * "VFIO_USER_REGION_READ". Configuration space is read; of other regions, whose registers may
 * change when they are read, only what must be refused is asked.
 */
final class RegionReadCases {
    private RegionReadCases() {}

    static Section section() {
        var s = new Section("region-read");
        for (int count : new int[] {1, 2, 4, 8, 3, 64, 256}) {
            s.must(
                    "count-" + count,
                    "%d bytes of configuration space are read".formatted(count),
                    t -> read(t, 0, count));
        }
        s.must("whole", "all of configuration space is read at once", t -> read(t, 0, config(t)));
        s.must(
                "last",
                "the last byte of configuration space is read",
                t -> read(t, config(t) - 1, 1));
        s.should(
                "count-0",
                "a count of 0 is a success without data",
                t -> {
                    config(t);
                    var reply = t.accepted(REGION_READ, Requests.access(0, Device.CONFIG, 0));
                    t.check(
                            reply.length() == 16 || reply.length() == 0,
                            "no data",
                            reply.length() + " bytes");
                });
        s.must(
                "same",
                "the header of configuration space is the same in one read and in many",
                t -> {
                    var whole = read(t, 0, 4);
                    for (int i = 0; i < 4; i++) {
                        int one = read(t, i, 1)[0];
                        t.equal("byte %d".formatted(i), whole[i], one);
                    }
                });
        s.should(
                "identity",
                "a vendor and a class are there",
                t -> {
                    var header = read(t, 0, 16);
                    t.check(
                            !Arrays.equals(Arrays.copyOf(header, 2), new byte[] {(byte) 0xff, -1}),
                            "a vendor other than ffff",
                            Hex.of(header));
                });
        s.must(
                "no-reply",
                "a read with No_reply gets no reply",
                t -> {
                    config(t);
                    t.unanswered(REGION_READ, Requests.access(0, Device.CONFIG, 4));
                });
        beyond(s);
        s.tooShort(REGION_READ, Requests.access(0, Device.CONFIG, 4));
        return s;
    }

    private static void beyond(Section s) {
        var bounds = new RegionBounds(s, RegionReadCases::refused);
        bounds.add();
        bounds.add("max", "the last byte of 64 bits of offset", _ -> -1, 1);
        bounds.add("count-max", "a count of 2^32 - 1", _ -> 0, 0xffffffffL);
        s.must(
                "region-beyond",
                "the region after the last is refused",
                t -> t.refused(REGION_READ, Requests.access(0, t.device().regionCount, 1)));
        s.must(
                "region-max",
                "region 2^32 - 1 is refused",
                t -> t.refused(REGION_READ, Requests.access(0, 0xffffffffL, 1)));
        s.must(
                "region-empty",
                "a region of size 0 is refused",
                t -> t.refused(REGION_READ, Requests.access(0, empty(t), 1)));
        s.must(
                "too-much",
                "more than the server's max_data_xfer_size is refused",
                t ->
                        t.refused(
                                REGION_READ,
                                Requests.access(0, Device.CONFIG, t.device().maxTransfer() + 1)));
    }

    private static void refused(Trial t, Device.Region region, long offset, long count) {
        if (region.readable()) {
            t.refused(REGION_READ, Requests.access(offset, region.index(), count));
        }
    }

    static int empty(Trial t) {
        for (var region : t.device().regions) {
            if (region.size() == 0) {
                return region.index();
            }
        }
        throw new NotOffered("every region has a size");
    }

    /** Returns the size of configuration space. */
    static long config(Trial t) {
        var regions = t.device().regions;
        t.need(
                regions.size() > Device.CONFIG && regions.get(Device.CONFIG).readable(),
                "no configuration space to read");
        return regions.get(Device.CONFIG).size();
    }

    /** Reads configuration space, and checks the reply. */
    static byte[] read(Trial t, long offset, long count) {
        t.need(offset + count <= config(t), "configuration space is smaller");
        t.need(count <= t.device().maxTransfer(), "configuration space is larger than a message");
        var reply =
                t.acceptedWith(
                        (int) (16 + count),
                        REGION_READ,
                        Requests.access(offset, Device.CONFIG, count));
        t.equal("offset", offset, reply.u64(0));
        t.equal("region", Device.CONFIG, reply.u32(8));
        t.equal("count", count, reply.u32(12));
        return reply.payload(16);
    }
}
