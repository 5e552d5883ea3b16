package dev.muser.conform;

import static dev.muser.conform.Command.*;
import static dev.muser.conform.Features.*;

/** "VFIO_DEVICE_FEATURE_DMA_LOGGING_START", "_STOP" and "_REPORT". */
final class DmaLoggingCases {
    private static final long BASE = 0x4000_0000L;
    private static final long ELSEWHERE = 0x6000_0000L;
    private static final long SIZE = 0x41000; // 65 pages: a word of bits and one more
    private static final int PAGE = 0x1000;

    private DmaLoggingCases() {}

    static Section section() {
        var s = new Section("dma-logging");
        s.must(
                "start",
                "logging is started for all memory, and stopped",
                t -> {
                    offered(t);
                    var reply = t.accepted(FEATURE, start(PAGE));
                    t.check(reply.length() >= 24, "24 bytes at least", reply.length() + " bytes");
                    long page = reply.u64(8);
                    t.check(
                            page > 0 && Long.bitCount(page) == 1,
                            "a power of two as page size",
                            page + "");
                    t.accepted(FEATURE, stop());
                });
        s.must(
                "start-range",
                "logging is started for a range",
                t -> {
                    offered(t);
                    t.map(BASE, SIZE);
                    t.accepted(
                            FEATURE,
                            Requests.feature(40, LOGGING_START, SET)
                                    .u64(PAGE)
                                    .u32(1)
                                    .u32(0)
                                    .u64(BASE)
                                    .u64(SIZE));
                });
        s.must(
                "report",
                "of memory that nobody wrote to no page is reported",
                t -> {
                    started(t);
                    clean(t, BASE, SIZE, PAGE);
                });
        s.should(
                "report-part",
                "part of a mapping is reported, from any page on",
                t -> {
                    started(t);
                    clean(t, BASE + PAGE, 3 * PAGE, PAGE);
                });
        s.should(
                "report-pages",
                "a page size other than that of the start is reported",
                t -> {
                    started(t);
                    clean(t, BASE, 0x40000, 0x10000);
                });
        s.should(
                "unmap-bitmap",
                "DMA_UNMAP with flag 1, as older clients send it, brings the bits",
                t -> {
                    started(t);
                    var request = Requests.dmaUnmap(40 + 16, 1, BASE, SIZE);
                    request.u64(PAGE).u64(16).zeros(16);
                    var reply = t.acceptedWith(40 + 16, DMA_UNMAP, request);
                    t.equal("bits", 0, reply.u64(40));
                    t.equal("bits", 0, reply.u64(48));
                    t.refused(DMA_UNMAP, Requests.dmaUnmap(BASE, SIZE));
                });
        s.must(
                "report-off",
                "a report is refused while nothing is logged",
                t -> {
                    offered(t);
                    t.map(BASE, SIZE);
                    t.refused(FEATURE, report(4096, BASE, SIZE, PAGE));
                });
        s.must(
                "stop-off",
                "after STOP a report is refused",
                t -> {
                    started(t);
                    t.accepted(FEATURE, stop());
                    t.refused(FEATURE, report(4096, BASE, SIZE, PAGE));
                });
        s.should(
                "start-0",
                "a page size of 0 is refused at the start",
                t -> {
                    offered(t);
                    t.refused(FEATURE, start(0));
                });
        s.must(
                "page-0",
                "a report with page size 0 is refused",
                t -> {
                    started(t);
                    t.refused(FEATURE, report(4096, BASE, SIZE, 0));
                });
        s.must(
                "page-3",
                "a report with a page size that is no power of two is refused",
                t -> {
                    started(t);
                    t.refused(FEATURE, report(4096, BASE, SIZE, 3 * PAGE));
                });
        s.must(
                "length-huge",
                "a report of 2^47 bytes is refused",
                t -> {
                    started(t);
                    t.refused(FEATURE, report(4096, BASE, 1L << 47, PAGE));
                });
        s.must(
                "wrap",
                "a report that wraps around is refused",
                t -> {
                    started(t);
                    t.refused(FEATURE, report(4096, -PAGE, 2 * PAGE, PAGE));
                });
        s.must(
                "argsz",
                "a report without room for its bits is refused",
                t -> {
                    started(t);
                    t.refused(FEATURE, report(32 + 15, BASE, SIZE, PAGE));
                });
        s.must(
                "short",
                "a start and a report without their fields are refused",
                t -> {
                    started(t);
                    t.refused(FEATURE, Requests.feature(64, LOGGING_REPORT, GET).u64(BASE));
                    t.refused(FEATURE, Requests.feature(64, LOGGING_START, SET).u64(PAGE));
                });
        s.must(
                "ranges-missing",
                "a start with fewer ranges than it says is refused",
                t -> {
                    offered(t);
                    t.refused(
                            FEATURE,
                            Requests.feature(24, LOGGING_START, SET).u64(PAGE).u32(7).u32(0));
                });
        return s;
    }

    private static void offered(Trial t) {
        t.need(t.device().logs(), "no DMA logging");
        t.finallyDo(() -> t.answered(FEATURE, stop()));
    }

    static void started(Trial t) {
        offered(t);
        t.map(BASE, SIZE);
        t.accepted(FEATURE, start(PAGE));
    }

    /** Requires that nothing is logged, and that it can be, by pages of another size. */
    static void refusedWhileOff(Trial t) {
        t.map(ELSEWHERE, SIZE);
        t.refused(FEATURE, report(4096, ELSEWHERE, SIZE, PAGE));
        t.accepted(FEATURE, start(2 * PAGE));
    }

    private static void clean(Trial t, long address, long length, int page) {
        long pages = length / page;
        int bitmap = (int) ((pages + 63) / 64 * 8);
        var reply =
                t.acceptedWith(32 + bitmap, FEATURE, report(32 + bitmap, address, length, page));
        t.equal("iova", address, reply.u64(8));
        t.equal("length", length, reply.u64(16));
        t.equal("page_size", page, reply.u64(24));
        for (int at = 32; at < 32 + bitmap; at += 8) {
            t.equal("bits", 0, reply.u64(at));
        }
    }

    private static Bytes start(long page) {
        return Requests.feature(24, LOGGING_START, SET).u64(page).u32(0).u32(0);
    }

    private static Bytes stop() {
        return Requests.feature(24, LOGGING_STOP, SET).zeros(16);
    }

    private static Bytes report(long argsz, long address, long length, long page) {
        return Requests.feature(argsz, LOGGING_REPORT, GET).u64(address).u64(length).u64(page);
    }
}
