package dev.muser.conform;

import static dev.muser.conform.Command.*;

import dev.muser.linux.Errno;

/** "VFIO_USER_DMA_MAP". */
final class DmaMapCases {
    private static final long BASE = 0x1000_0000L;
    private static final long SIZE = 0x4000;
    private static final int MANY = 1024;

    /** Bit 2 and up mean nothing to the specification; libvfio-user has two of its own. */
    private static final int UNKNOWN_FLAG = 1 << 7;

    private DmaMapCases() {}

    static Section section() {
        var s = new Section("dma-map");
        s.must("descriptor", "memory with a descriptor is mapped", t -> t.map(BASE, SIZE));
        s.must(
                "no-descriptor",
                "memory without a descriptor is taken: it is reached by messages",
                t -> {
                    t.unmapAtEnd(BASE, SIZE);
                    t.acceptedWith(0, DMA_MAP, Requests.dmaMap(BASE, SIZE));
                });
        s.must(
                "read-only",
                "memory that can only be read is mapped",
                t -> maps(t, Requests.dmaMap(32, 1, 0, BASE, SIZE), SIZE));
        s.must(
                "file-offset",
                "memory from the middle of a file is mapped",
                t -> maps(t, Requests.dmaMap(32, 3, 0x2000, BASE, SIZE), 2 * SIZE));
        s.must(
                "adjacent",
                "memory right behind other memory is mapped, and before it",
                t -> {
                    t.map(BASE, SIZE);
                    t.map(BASE + SIZE, SIZE);
                    t.map(BASE - SIZE, SIZE);
                });
        s.must(
                "many",
                "256 pages are mapped one by one, or as many as max_dma_maps says",
                t -> pages(t, Math.min(256, t.device().maxDmaMaps())));
        s.should(
                "too-many",
                "one mapping more than max_dma_maps is refused",
                t -> {
                    long most = t.device().maxDmaMaps();
                    t.need(most <= MANY, "max_dma_maps is %d: too many to try".formatted(most));
                    pages(t, most);
                    long address = BASE - 0x1000;
                    t.unmapAtEnd(address, 0x1000);
                    t.refused(DMA_MAP, Requests.dmaMap(address, 0x1000), t.memory(0x1000));
                });
        s.must(
                "no-reply",
                "a mapping with No_reply is in force when the next command is handled",
                t -> {
                    t.unmapAtEnd(BASE, SIZE);
                    t.unanswered(DMA_MAP, Requests.dmaMap(BASE, SIZE), t.memory(SIZE));
                    t.accepted(DMA_UNMAP, Requests.dmaUnmap(BASE, SIZE));
                });
        overlap(s);
        senseless(s);
        s.tooShort(DMA_MAP, Requests.dmaMap(BASE, SIZE));
        s.argszTooSmall(DMA_MAP, Requests.dmaMap(BASE, SIZE));
        return s;
    }

    private static void pages(Trial t, long count) {
        var fd = t.memory(0x1000);
        for (int i = 0; i < count; i++) {
            long address = BASE + i * 0x1000L;
            t.unmapAtEnd(address, 0x1000);
            t.accepted(DMA_MAP, Requests.dmaMap(address, 0x1000), fd);
        }
    }

    private static void overlap(Section s) {
        s.should(
                "same",
                "the same range again is refused with EEXIST, also with the same memory",
                t -> {
                    var fd = t.map(BASE, SIZE);
                    t.refusedAs(Errno.EEXIST, DMA_MAP, Requests.dmaMap(BASE, SIZE), fd);
                });
        s.must(
                "same-range",
                "the same range with other memory is refused with EEXIST",
                t -> overlaps(t, BASE, SIZE));
        s.must(
                "overlap-begin",
                "an overlap with the beginning is refused with EEXIST",
                t -> overlaps(t, BASE - 0x1000, 0x2000));
        s.must(
                "overlap-end",
                "an overlap with the end is refused with EEXIST",
                t -> overlaps(t, BASE + SIZE - 0x1000, 0x2000));
        s.must(
                "overlap-inside",
                "a range inside another is refused with EEXIST",
                t -> overlaps(t, BASE + 0x1000, 0x1000));
        s.must(
                "overlap-around",
                "a range around another is refused with EEXIST",
                t -> overlaps(t, BASE - 0x1000, SIZE + 0x2000));
    }

    private static void senseless(Section s) {
        s.should(
                "size-0",
                "a size of 0 is refused",
                t -> t.refused(DMA_MAP, Requests.dmaMap(BASE, 0), t.memory(SIZE)));
        s.should(
                "wrap",
                "a range over the end of the address space is refused",
                t -> {
                    t.unmapAtEnd(-0x1000, 0x2000);
                    t.refused(DMA_MAP, Requests.dmaMap(-0x1000, 0x2000), t.memory(0x2000));
                });
        s.should(
                "offset-wrap",
                "a file offset that wraps around with the size is refused",
                t -> {
                    t.unmapAtEnd(BASE, SIZE);
                    t.refused(DMA_MAP, Requests.dmaMap(32, 3, -0x1000, BASE, SIZE), t.memory(SIZE));
                });
        s.should(
                "flags",
                "a flag that does not exist is refused",
                t -> {
                    t.unmapAtEnd(BASE, SIZE);
                    var request = Requests.dmaMap(32, 3 | UNKNOWN_FLAG, 0, BASE, SIZE);
                    t.refused(DMA_MAP, request, t.memory(SIZE));
                });
        s.should(
                "two-descriptors",
                "two descriptors for one mapping are refused",
                t -> {
                    t.unmapAtEnd(BASE, SIZE);
                    t.refused(DMA_MAP, Requests.dmaMap(BASE, SIZE), t.memory(SIZE), t.memory(SIZE));
                });
        s.should(
                "eventfd",
                "an eventfd as memory is refused",
                t -> {
                    t.unmapAtEnd(BASE, SIZE);
                    t.refused(DMA_MAP, Requests.dmaMap(BASE, SIZE), t.eventFd());
                });
        s.must(
                "short-file",
                "a file that is shorter than the range is answered, in whichever way",
                t -> {
                    t.unmapAtEnd(BASE, SIZE);
                    t.answered(DMA_MAP, Requests.dmaMap(BASE, SIZE), t.memory(0x1000));
                    t.serves();
                });
        s.must(
                "unaligned",
                "a range that is not of whole pages is answered, in whichever way",
                t -> {
                    t.unmapAtEnd(BASE + 1, 3);
                    t.answered(DMA_MAP, Requests.dmaMap(BASE + 1, 3), t.memory(0x1000));
                    t.serves();
                });
        s.must(
                "huge",
                "a range of 2^62 bytes is answered, in whichever way",
                t -> {
                    t.unmapAtEnd(0, 1L << 62);
                    t.answered(DMA_MAP, Requests.dmaMap(0, 1L << 62), t.memory(0x1000));
                    t.serves();
                });
    }

    private static void maps(Trial t, Bytes request, long fileSize) {
        t.unmapAtEnd(BASE, SIZE);
        t.acceptedWith(0, DMA_MAP, request, t.memory(fileSize));
    }

    private static void overlaps(Trial t, long address, long size) {
        t.map(BASE, SIZE);
        t.unmapAtEnd(address, size);
        t.refusedAs(Errno.EEXIST, DMA_MAP, Requests.dmaMap(address, size), t.memory(size));
        t.acceptedWith(24, DMA_UNMAP, Requests.dmaUnmap(BASE, SIZE));
    }
}
