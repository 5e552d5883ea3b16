package dev.muser.conform;

import static dev.muser.conform.Command.*;

/**
 * "VFIO_USER_REGION_WRITE". What is written is the Interrupt Line register of configuration space,
 * which does nothing (PCI 3.0, 6.2.4), and it gets its value back; elsewhere only what must be
 * refused is asked.
 */
final class RegionWriteCases {
    /** Interrupt Line: "POST software will write the routing information". */
    static final int INTERRUPT_LINE = 0x3c;

    private RegionWriteCases() {}

    static Section section() {
        var s = new Section("region-write");
        s.must(
                "reply",
                "the reply to a write has offset, region and count, and no data",
                t -> {
                    byte before = scratch(t);
                    var reply =
                            t.acceptedWith(
                                    16,
                                    REGION_WRITE,
                                    Requests.access(INTERRUPT_LINE, Device.CONFIG, 1, before));
                    t.equal("offset", INTERRUPT_LINE, reply.u64(0));
                    t.equal("region", Device.CONFIG, reply.u32(8));
                    t.equal("count", 1, reply.u32(12));
                });
        s.must(
                "order",
                "a read behind a write sees what was written",
                t -> {
                    byte other = (byte) ~scratch(t);
                    t.accepted(
                            REGION_WRITE, Requests.access(INTERRUPT_LINE, Device.CONFIG, 1, other));
                    readsBack(t, other);
                });
        s.must(
                "no-reply",
                "a read behind a write with No_reply sees what was written",
                t -> {
                    byte other = (byte) ~scratch(t);
                    t.send(
                            REGION_WRITE,
                            NO_REPLY,
                            Requests.access(INTERRUPT_LINE, Device.CONFIG, 1, other).get());
                    readsBack(t, other);
                });
        s.should(
                "count-0",
                "a count of 0 is a success",
                t -> {
                    scratch(t);
                    t.accepted(REGION_WRITE, Requests.access(INTERRUPT_LINE, Device.CONFIG, 0));
                });
        s.must(
                "data-short",
                "less data than count is refused",
                t -> {
                    scratch(t);
                    t.refused(
                            REGION_WRITE,
                            Requests.access(INTERRUPT_LINE, Device.CONFIG, 2, (byte) 0));
                    t.serves();
                });
        s.should(
                "data-long",
                "more data than count is refused",
                t -> {
                    byte before = scratch(t);
                    t.refused(
                            REGION_WRITE,
                            Requests.access(INTERRUPT_LINE, Device.CONFIG, 1, before, (byte) 0));
                    t.serves();
                });
        s.should(
                "read-only",
                "a region that cannot be written is refused",
                t -> {
                    for (var region : t.device().regions) {
                        if (region.size() > 0 && !region.writable()) {
                            t.refused(
                                    REGION_WRITE, Requests.access(0, region.index(), 1, (byte) 0));
                            return;
                        }
                    }
                    throw new NotOffered("every region can be written");
                });
        beyond(s);
        s.tooShort(REGION_WRITE, Requests.access(0, Device.CONFIG, 0));
        return s;
    }

    private static void beyond(Section s) {
        new RegionBounds(s, RegionWriteCases::refused).add();
        s.must(
                "region-beyond",
                "the region after the last is refused",
                t ->
                        t.refused(
                                REGION_WRITE,
                                Requests.access(0, t.device().regionCount, 1, (byte) 0)));
        s.must(
                "region-empty",
                "a region of size 0 is refused",
                t ->
                        t.refused(
                                REGION_WRITE,
                                Requests.access(0, RegionReadCases.empty(t), 1, (byte) 0)));
        s.must(
                "count-max",
                "a count of 2^32 - 1 with little data is refused",
                t -> {
                    t.refused(
                            REGION_WRITE, Requests.access(0, Device.CONFIG, 0xffffffffL, (byte) 0));
                    t.serves();
                });
        s.shouldAlone(
                "large",
                "a write of 1 MiB, to where it is refused, is read to its end",
                t -> {
                    int size = (int) Math.min(t.device().maxTransfer(), 1 << 20);
                    t.refused(
                            REGION_WRITE,
                            Requests.access(0, t.device().regionCount, size, new byte[size]));
                    t.serves();
                });
    }

    private static void refused(Trial t, Device.Region region, long offset, long count) {
        if (region.writable()) {
            var data = new byte[(int) count];
            t.refused(REGION_WRITE, Requests.access(offset, region.index(), count, data));
        }
    }

    /** Returns what is in the Interrupt Line register, and sees to it that it gets that back. */
    static byte scratch(Trial t) {
        byte before = RegionReadCases.read(t, INTERRUPT_LINE, 1)[0];
        t.need(t.device().regions.get(Device.CONFIG).writable(), "no configuration space to write");
        t.finallyDo(() ->
                t.answered(
                        REGION_WRITE, Requests.access(INTERRUPT_LINE, Device.CONFIG, 1, before)));
        return before;
    }

    static void readsBack(Trial t, byte expected) {
        byte now = RegionReadCases.read(t, INTERRUPT_LINE, 1)[0];
        t.equal("Interrupt Line", Byte.toUnsignedInt(expected), Byte.toUnsignedInt(now));
    }
}
