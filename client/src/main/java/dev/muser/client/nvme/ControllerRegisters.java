package dev.muser.client.nvme;

import dev.muser.client.BarView;

/** The controller's registers in BAR 0 (NVMe base 1.4, 3.1), each at its width. */
public final class ControllerRegisters {
    // offset, bytes
    private static final int CAP = 0x00; // 8
    private static final int VS = 0x08; // 4
    private static final int INTMS = 0x0c; // 4
    private static final int INTMC = 0x10; // 4
    private static final int CC = 0x14; // 4
    private static final int CSTS = 0x1c; // 4
    private static final int NSSR = 0x20; // 4
    private static final int AQA = 0x24; // 4
    private static final int ASQ = 0x28; // 8
    private static final int ACQ = 0x30; // 8
    private static final int CMBLOC = 0x38; // 4
    private static final int CMBSZ = 0x3c; // 4
    private static final int BPINFO = 0x40; // 4
    private static final int PMRCAP = 0xe00; // 4

    /** Bits of CC. */
    public static final int CC_ENABLE = 1;

    public static final int CC_SHUTDOWN = 3 << 14;
    public static final int CC_SHUTDOWN_NORMAL = 1 << 14;
    public static final int CC_SHUTDOWN_ABRUPT = 2 << 14;

    /** Entries of 2^6 and 2^4 bytes, as all controllers have them. */
    public static final int CC_ENTRY_SIZES = (6 << 16) | (4 << 20);

    /** Bits of CSTS. */
    public static final int CSTS_READY = 1;

    public static final int CSTS_FATAL = 1 << 1;
    public static final int CSTS_SHUTDOWN = 3 << 2;
    public static final int CSTS_SHUTDOWN_DONE = 2 << 2;
    public static final int CSTS_SUBSYSTEM_RESET = 1 << 4;

    /** "NVMe" resets the subsystem. */
    public static final int NSSR_RESET = 0x4e564d65;

    private final BarView bar;

    public ControllerRegisters(BarView bar) {
        this.bar = bar;
    }

    /** Returns BAR 0, for accesses of other widths and elsewhere. */
    public BarView bar() {
        return bar;
    }

    public long cap() {
        return bar.read64(CAP);
    }

    /** Returns how many entries a queue may have: CAP.MQES, counted from 1. */
    public int maxQueueEntries() {
        return (int) (cap() & 0xffff) + 1;
    }

    /** Returns CAP.DSTRD. */
    public int doorbellStride() {
        return (int) (cap() >>> 32) & 0xf;
    }

    /** Returns CAP.TO, for how long enabling and disabling may take, in milliseconds. */
    public int timeoutMillis() {
        return ((int) (cap() >>> 24) & 0xff) * 500;
    }

    /** Returns the smallest page size, CAP.MPSMIN, in bytes. */
    public int minPageSize() {
        return 4096 << ((int) (cap() >>> 48) & 0xf);
    }

    /** Returns the largest page size, CAP.MPSMAX, in bytes. */
    public int maxPageSize() {
        return 4096 << ((int) (cap() >>> 52) & 0xf);
    }

    /** Returns the version: 0x00010400 is 1.4. */
    public int version() {
        return bar.read32(VS);
    }

    /** Returns the mask of pin-based and MSI interrupts. */
    public int interruptMask() {
        return bar.read32(INTMS);
    }

    /** Masks the interrupts of {@code bits}. */
    public void maskInterrupts(int bits) {
        bar.write32(INTMS, bits);
    }

    /** Unmasks the interrupts of {@code bits}. */
    public void unmaskInterrupts(int bits) {
        bar.write32(INTMC, bits);
    }

    /** Returns the controller configuration. */
    public int cc() {
        return bar.read32(CC);
    }

    public void cc(int value) {
        bar.write32(CC, value);
    }

    /** Returns the controller status. */
    public int csts() {
        return bar.read32(CSTS);
    }

    /** Writes the controller status, whose bit 4 is cleared by writing it. */
    public void csts(int value) {
        bar.write32(CSTS, value);
    }

    /** Resets the subsystem, by {@link #NSSR_RESET}. */
    public void nssr(int value) {
        bar.write32(NSSR, value);
    }

    public int aqa() {
        return bar.read32(AQA);
    }

    /** Sets the sizes of the admin queues raw: each counted from 0. */
    public void aqa(int value) {
        bar.write32(AQA, value);
    }

    public long asq() {
        return bar.read64(ASQ);
    }

    public void asq(long iova) {
        bar.write64(ASQ, iova);
    }

    public long acq() {
        return bar.read64(ACQ);
    }

    public void acq(long iova) {
        bar.write64(ACQ, iova);
    }

    /** Returns where the controller memory buffer is. */
    public int cmbloc() {
        return bar.read32(CMBLOC);
    }

    /** Returns how large the controller memory buffer is; 0: there is none. */
    public int cmbsz() {
        return bar.read32(CMBSZ);
    }

    /** Returns what there is of boot partitions; 0: none. */
    public int bpinfo() {
        return bar.read32(BPINFO);
    }

    /** Returns what there is of persistent memory; 0: none. */
    public int pmrcap() {
        return bar.read32(PMRCAP);
    }

    /** Tells the controller of its admin queues. */
    public void adminQueues(SubmissionQueue submissions, CompletionQueue completions) {
        aqa(((completions.entries() - 1) << 16) | (submissions.entries() - 1));
        asq(submissions.iova());
        acq(completions.iova());
    }
}
