package dev.muser.conform;

import static dev.muser.conform.Command.*;
import static dev.muser.conform.RegionWriteCases.INTERRUPT_LINE;

/** "VFIO_USER_REGION_WRITE_MULTI", where write_multiple is agreed on. */
final class WriteMultiCases {
    private WriteMultiCases() {}

    static Section section() {
        var s = new Section("write-multi");
        s.must(
                "one",
                "one write is done, and counted in the reply",
                t -> {
                    byte other = (byte) ~offered(t);
                    var reply = t.acceptedWith(8, WRITE_MULTI, entries(1, line(1, other)));
                    t.equal("wr_cnt", 1, reply.u64(0));
                    RegionWriteCases.readsBack(t, other);
                });
        s.must(
                "order",
                "several writes are done in their order",
                t -> {
                    byte other = (byte) ~offered(t);
                    var request = entries(3, line(1, 1), line(1, 2), line(1, other));
                    t.equal("wr_cnt", 3, t.acceptedWith(8, WRITE_MULTI, request).u64(0));
                    RegionWriteCases.readsBack(t, other);
                });
        s.must(
                "no-reply",
                "writes with No_reply, as QEMU sends them, are done before the next read",
                t -> {
                    byte other = (byte) ~offered(t);
                    t.send(WRITE_MULTI, NO_REPLY, entries(1, line(1, other)).get());
                    RegionWriteCases.readsBack(t, other);
                });
        s.should(
                "none",
                "no writes are a success",
                t -> {
                    offered(t);
                    t.equal("wr_cnt", 0, t.acceptedWith(8, WRITE_MULTI, entries(0)).u64(0));
                });
        s.must(
                "fewer",
                "fewer writes than wr_cnt are refused",
                t -> {
                    byte before = offered(t);
                    t.refused(WRITE_MULTI, entries(2, line(1, before)));
                    t.serves();
                });
        s.must(
                "count-max",
                "wr_cnt 2^64 - 1 is refused",
                t -> {
                    byte before = offered(t);
                    t.refused(WRITE_MULTI, entries(-1, line(1, before)));
                    t.serves();
                });
        s.must(
                "count-9",
                "a write of 9 bytes is refused: an entry has 8",
                t -> {
                    byte before = offered(t);
                    t.refused(WRITE_MULTI, entries(1, line(9, before)));
                });
        s.must(
                "bad-region",
                "a write to a region that does not exist is not counted",
                t -> {
                    offered(t);
                    var bad = Requests.writeEntry(0, t.device().regionCount, 1, 0);
                    notCounted(t, t.answered(WRITE_MULTI, entries(1, bad)), 0);
                });
        s.must(
                "bad-second",
                "of a good and a bad write at most the good one is counted",
                t -> {
                    byte before = offered(t);
                    var bad = Requests.writeEntry(-1, Device.CONFIG, 1, 0);
                    notCounted(t, t.answered(WRITE_MULTI, entries(2, line(1, before), bad)), 1);
                });
        s.must(
                "length-0",
                "a payload of 0 bytes is refused",
                t -> {
                    t.refused(WRITE_MULTI, Bytes.of());
                    t.serves();
                });
        s.shouldRaw(
                "not-agreed",
                "without write_multiple in the session it is refused",
                t -> {
                    t.accepted(VERSION, Requests.version(0, 1, "{}"));
                    t.refused(WRITE_MULTI, entries(0));
                });
        return s;
    }

    /** Returns what is in the register that is written. */
    private static byte offered(Trial t) {
        t.need(t.device().writeMultiple(), "write_multiple is not agreed on");
        return RegionWriteCases.scratch(t);
    }

    private static Bytes line(long count, int value) {
        return Requests.writeEntry(INTERRUPT_LINE, Device.CONFIG, count, value & 0xff);
    }

    private static Bytes entries(long count, Bytes... entries) {
        var all = Bytes.of().u64(count);
        for (var entry : entries) {
            all.raw(entry.get());
        }
        return all;
    }

    private static void notCounted(Trial t, Message reply, long most) {
        if (!reply.isError()) {
            t.check(
                    Long.compareUnsigned(reply.u64(0), most) <= 0,
                    "an error reply, or wr_cnt %d at most".formatted(most),
                    "wr_cnt " + reply.u64(0));
        }
    }
}
