package dev.muser.conform;

import static dev.muser.conform.Command.*;

/** "VFIO_USER_DEVICE_GET_IRQ_INFO". */
final class IrqInfoCases {
    private static final String[] NAMES = {"INTx", "MSI", "MSI-X", "ERR", "REQ"};

    /** What PCI allows: INTx of one function, MSI, MSI-X; ERR and REQ are VFIO's. */
    private static final long[] MOST = {1, 32, 2048, 1, 1};

    private IrqInfoCases() {}

    static Section section() {
        var s = new Section("irq-info");
        for (int index = 0; index < NAMES.length; index++) {
            int i = index;
            s.must(
                    "index-" + i,
                    "what is said of interrupt %d (%s) is consistent".formatted(i, NAMES[i]),
                    t -> consistent(t, i));
        }
        s.must(
                "argsz-large",
                "with a larger argsz the reply has 16 bytes all the same",
                t -> {
                    t.need(t.device().irqCount > 0, "no interrupts");
                    var reply = t.acceptedWith(16, GET_IRQ_INFO, Requests.irqInfo(4096, 0));
                    t.equal("argsz", 16, reply.u32(0));
                });
        s.must(
                "index-beyond",
                "the index after the last is refused",
                t -> t.refused(GET_IRQ_INFO, Requests.irqInfo(16, t.device().irqCount)));
        s.must(
                "index-max",
                "index 2^32 - 1 is refused",
                t -> t.refused(GET_IRQ_INFO, Requests.irqInfo(16, 0xffffffffL)));
        s.tooShort(GET_IRQ_INFO, Requests.irqInfo(16, 0));
        s.argszTooSmall(GET_IRQ_INFO, Requests.irqInfo(16, 0));
        return s;
    }

    private static void consistent(Trial t, int index) {
        t.need(index < t.device().irqCount, "no interrupt index " + index);
        var reply = t.acceptedWith(16, GET_IRQ_INFO, Requests.irqInfo(16, index));
        long flags = reply.u32(4);
        long count = reply.u32(12);
        t.equal("argsz", 16, reply.u32(0));
        t.equal("index", index, reply.u32(8));
        t.check(
                count <= MOST[index],
                "at most %d of %s".formatted(MOST[index], NAMES[index]),
                count + "");
        t.prefer((flags & ~0xfL) == 0, "flags 1, 2, 4, 8 only", "0x%x".formatted(flags));
        t.prefer(index != 1 || Long.bitCount(count) <= 1, "a power of two of MSI", count + "");
        t.prefer(
                count == 0 || (flags & 1) != 0,
                "EVENTFD, flag 1, for interrupts that exist",
                "flags 0x%x".formatted(flags));
        t.prefer(
                (flags & 4) == 0 || (flags & 2) != 0,
                "AUTOMASKED, flag 4, with MASKABLE, flag 2, only",
                "flags 0x%x".formatted(flags));
    }
}
