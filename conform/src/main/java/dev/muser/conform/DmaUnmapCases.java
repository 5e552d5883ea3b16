package dev.muser.conform;

import static dev.muser.conform.Command.*;

import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.SyscallException;
import java.util.Arrays;

/** "VFIO_USER_DMA_UNMAP". */
final class DmaUnmapCases {
    private static final long BASE = 0x2000_0000L;
    private static final long SIZE = 0x4000;

    /** Flags of libvfio-user and QEMU that the specification does not have. */
    private static final int DIRTY_BITMAP = 1;

    private static final int ALL = 2;

    /** {@code F_SEAL_WRITE}: refused by the kernel while somebody maps the file for writing. */
    private static final int SEAL_WRITE = 8;

    private DmaUnmapCases() {}

    static Section section() {
        var s = new Section("dma-unmap");
        s.must(
                "reply",
                "a mapping is removed by its address and size; the reply is the request",
                t -> {
                    t.map(BASE, SIZE);
                    var request = Requests.dmaUnmap(BASE, SIZE);
                    var reply = t.acceptedWith(24, DMA_UNMAP, request);
                    t.check(
                            Arrays.equals(reply.payload(0), request.get()),
                            Hex.of(request.get()),
                            Hex.of(reply.payload(0)));
                });
        s.must(
                "no-descriptor",
                "memory that came without a descriptor is removed likewise",
                t -> {
                    t.accepted(DMA_MAP, Requests.dmaMap(BASE, SIZE));
                    t.acceptedWith(24, DMA_UNMAP, Requests.dmaUnmap(BASE, SIZE));
                });
        s.must(
                "released",
                "the server has no mapping of the memory any more when it replies",
                t -> {
                    var fd = t.map(BASE, SIZE);
                    t.accepted(DMA_UNMAP, Requests.dmaUnmap(BASE, SIZE));
                    t.check(canSeal(fd), "the memory free", "it mapped for writing");
                });
        s.must(
                "again",
                "what was removed can be mapped again, and other memory there",
                t -> {
                    t.map(BASE, SIZE);
                    t.accepted(DMA_UNMAP, Requests.dmaUnmap(BASE, SIZE));
                    t.map(BASE, SIZE / 2);
                });
        refusedCases(s);
        flags(s);
        s.tooShort(DMA_UNMAP, Requests.dmaUnmap(BASE, SIZE));
        s.argszTooSmall(DMA_UNMAP, Requests.dmaUnmap(BASE, SIZE));
        return s;
    }

    private static void refusedCases(Section s) {
        s.must(
                "never",
                "a range that was never mapped is refused",
                t -> t.refusedAs(Errno.ENOENT, DMA_UNMAP, Requests.dmaUnmap(BASE, SIZE)));
        s.must(
                "twice",
                "a range that was removed before is refused",
                t -> {
                    t.map(BASE, SIZE);
                    t.accepted(DMA_UNMAP, Requests.dmaUnmap(BASE, SIZE));
                    t.refusedAs(Errno.ENOENT, DMA_UNMAP, Requests.dmaUnmap(BASE, SIZE));
                });
        s.must("begin", "the beginning of a mapping is refused", t -> stays(t, BASE, 0x1000));
        s.must(
                "end",
                "the end of a mapping is refused",
                t -> stays(t, BASE + SIZE - 0x1000, 0x1000));
        s.must(
                "inside",
                "the middle of a mapping is refused",
                t -> stays(t, BASE + 0x1000, 0x1000));
        s.must(
                "around",
                "more than a mapping removes it, as QEMU needs it, or is refused",
                t -> {
                    t.map(BASE, SIZE);
                    wholeOrNot(t, BASE - 0x1000, SIZE + 0x2000);
                });
        s.must("size-0", "a size of 0 is refused", t -> stays(t, BASE, 0));
        s.must(
                "two",
                "two mappings at once are both removed, as QEMU needs it, or refused",
                t -> {
                    t.map(BASE, SIZE);
                    t.map(BASE + SIZE, SIZE);
                    wholeOrNot(t, BASE, 2 * SIZE);
                });
        s.must(
                "wrap",
                "a range over the end of the address space is refused",
                t -> stays(t, BASE, -0x1000));
    }

    private static void flags(Section s) {
        s.should(
                "all",
                "flag 2 removes all mappings, as QEMU needs it",
                t -> {
                    t.map(BASE, SIZE);
                    t.map(BASE + 2 * SIZE, SIZE);
                    t.accepted(DMA_UNMAP, Requests.dmaUnmap(24, ALL, 0, 0));
                    t.refused(DMA_UNMAP, Requests.dmaUnmap(BASE, SIZE));
                    t.refused(DMA_UNMAP, Requests.dmaUnmap(BASE + 2 * SIZE, SIZE));
                });
        s.should(
                "all-range",
                "flag 2 with an address is refused",
                t -> {
                    t.map(BASE, SIZE);
                    t.refused(DMA_UNMAP, Requests.dmaUnmap(24, ALL, BASE, SIZE));
                });
        s.should(
                "both",
                "flags 1 and 2 together are refused",
                t -> t.refused(DMA_UNMAP, Requests.dmaUnmap(24, ALL | DIRTY_BITMAP, 0, 0)));
        s.should(
                "bitmap",
                "a dirty bitmap, flag 1, is refused while nothing is logged",
                t -> {
                    t.map(BASE, SIZE);
                    var request = Requests.dmaUnmap(48, DIRTY_BITMAP, BASE, SIZE);
                    t.refused(DMA_UNMAP, request.u64(0x1000).u64(8).u64(0));
                });
        s.should(
                "flags",
                "a flag that does not exist is refused",
                t -> {
                    t.map(BASE, SIZE);
                    t.refused(DMA_UNMAP, Requests.dmaUnmap(24, 1 << 7, BASE, SIZE));
                });
    }

    /**
     * QEMU asks for that when a virtual IOMMU is reset (VFIO: a range that cuts no mapping); by
     * libvfio-user it is refused. The mapping at {@link #BASE} is gone, or there as before.
     */
    private static void wholeOrNot(Trial t, long address, long size) {
        var reply = t.answered(DMA_UNMAP, Requests.dmaUnmap(address, size));
        if (reply.isError()) {
            t.preferErrno(Errno.ENOENT, reply);
            t.acceptedWith(24, DMA_UNMAP, Requests.dmaUnmap(BASE, SIZE));
        } else {
            t.refusedAs(Errno.ENOENT, DMA_UNMAP, Requests.dmaUnmap(BASE, SIZE));
        }
    }

    /** A range is refused, and the mapping is there as before. */
    private static void stays(Trial t, long address, long size) {
        t.map(BASE, SIZE);
        t.refusedAs(Errno.ENOENT, DMA_UNMAP, Requests.dmaUnmap(address, size));
        t.acceptedWith(24, DMA_UNMAP, Requests.dmaUnmap(BASE, SIZE));
    }

    private static boolean canSeal(Fd fd) {
        try {
            MemoryFile.seal(fd, SEAL_WRITE);
            return true;
        } catch (SyscallException e) {
            if (e.errno() == Errno.EBUSY) {
                return false;
            }
            throw e;
        }
    }
}
