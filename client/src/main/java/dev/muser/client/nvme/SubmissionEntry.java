package dev.muser.client.nvme;

import static dev.muser.client.nvme.LittleEndian.U16;
import static dev.muser.client.nvme.LittleEndian.U32;
import static dev.muser.client.nvme.LittleEndian.U64;
import static dev.muser.client.nvme.LittleEndian.U8;

import java.lang.foreign.MemorySegment;

/**
 * A command being written into its slot of a submission queue; every field takes whatever it is
 * given. One object a queue, good until the next {@link SubmissionQueue#next}.
 */
public final class SubmissionEntry {
    /** In bytes. */
    public static final int SIZE = 64;

    // CDW0 @0: opcode u8 @0, flags u8 @1 (FUSE bits 0-1, PSDT bits 6-7), cid u16 @2; nsid u32 @4;
    // CDW2, CDW3 @8; mptr u64 @16; PRP1 u64 @24, PRP2 u64 @32 (or SGL1 @24); CDW10-15 @40
    private static final int FLAGS = 1;
    private static final int CID = 2;
    private static final int NSID = 4;
    private static final int MPTR = 16;
    private static final int PRP1 = 24;
    private static final int PRP2 = 32;

    /** Values of {@link #fuse}. */
    public static final int FUSE_FIRST = 1;

    public static final int FUSE_SECOND = 2;

    /** Values of {@link #psdt}: the data pointer holds PRPs, or an SGL. */
    public static final int PSDT_PRP = 0;

    public static final int PSDT_SGL = 1;

    private final MemorySegment memory;
    private long at;

    SubmissionEntry(MemorySegment memory) {
        this.memory = memory;
    }

    SubmissionEntry wrap(long offset) {
        at = offset;
        return this;
    }

    /** Sets all 64 bytes to zero. */
    public SubmissionEntry clear() {
        return set(0, 0, 0, 0, 0, 0, 0, 0);
    }

    /**
     * Hot. Writes the whole entry.
     *
     * @param head CDW0 in the low half, the namespace in the high one
     */
    SubmissionEntry set(
            long head,
            long cdw2,
            long mptr,
            long prp1,
            long prp2,
            long cdw10,
            long cdw12,
            long cdw14) {
        long slot = at;
        memory.set(U64, slot, head);
        memory.set(U64, slot + 8, cdw2);
        memory.set(U64, slot + MPTR, mptr);
        memory.set(U64, slot + PRP1, prp1);
        memory.set(U64, slot + PRP2, prp2);
        memory.set(U64, slot + 40, cdw10);
        memory.set(U64, slot + 48, cdw12);
        memory.set(U64, slot + 56, cdw14);
        return this;
    }

    public SubmissionEntry opcode(int opcode) {
        memory.set(U8, at, (byte) opcode);
        return this;
    }

    public int opcode() {
        return Byte.toUnsignedInt(memory.get(U8, at));
    }

    /** Sets which half of a fused operation this is, 2 bits. */
    public SubmissionEntry fuse(int fuse) {
        return flags((memory.get(U8, at + FLAGS) & ~0x03) | (fuse & 3));
    }

    /** Sets whether the data pointer holds PRPs or an SGL, 2 bits. */
    public SubmissionEntry psdt(int psdt) {
        return flags((memory.get(U8, at + FLAGS) & ~0xc0) | ((psdt & 3) << 6));
    }

    /** Sets bits 8 to 15 of CDW0, reserved ones too. */
    public SubmissionEntry flags(int flags) {
        memory.set(U8, at + FLAGS, (byte) flags);
        return this;
    }

    public SubmissionEntry cid(int cid) {
        memory.set(U16, at + CID, (short) cid);
        return this;
    }

    public int cid() {
        return Short.toUnsignedInt(memory.get(U16, at + CID));
    }

    public SubmissionEntry nsid(int nsid) {
        memory.set(U32, at + NSID, nsid);
        return this;
    }

    /** Sets the metadata pointer. */
    public SubmissionEntry mptr(long address) {
        memory.set(U64, at + MPTR, address);
        return this;
    }

    public SubmissionEntry prp1(long address) {
        memory.set(U64, at + PRP1, address);
        return this;
    }

    public SubmissionEntry prp2(long address) {
        memory.set(U64, at + PRP2, address);
        return this;
    }

    /** Sets both PRPs from a list. */
    public SubmissionEntry data(PrpList list) {
        return prp1(list.prp1()).prp2(list.prp2());
    }

    /** Sets the data pointer to one SGL descriptor, and PSDT. */
    public SubmissionEntry sgl(long address, int length, int type) {
        memory.set(U64, at + PRP1, address);
        memory.set(U64, at + PRP2, SglList.descriptor(length, type));
        return psdt(PSDT_SGL);
    }

    /** Sets command dword {@code index}, 0 to 15. */
    public SubmissionEntry cdw(int index, int value) {
        if (index < 0 || index > 15) {
            throw new IllegalArgumentException(
                    "command dword %d: there are 0 to 15".formatted(index));
        }
        memory.set(U32, at + 4L * index, value);
        return this;
    }

    public SubmissionEntry cdw10(int value) {
        return cdw(10, value);
    }

    public SubmissionEntry cdw11(int value) {
        return cdw(11, value);
    }

    public SubmissionEntry cdw12(int value) {
        return cdw(12, value);
    }

    public SubmissionEntry cdw13(int value) {
        return cdw(13, value);
    }

    public SubmissionEntry cdw14(int value) {
        return cdw(14, value);
    }

    public SubmissionEntry cdw15(int value) {
        return cdw(15, value);
    }

    /** Sets CDW10 and CDW11 of commands that begin at a block. */
    public SubmissionEntry lba(long lba) {
        memory.set(U64, at + 40, lba);
        return this;
    }
}
