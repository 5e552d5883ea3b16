package dev.muser.client.nvme;

import dev.muser.client.BarView;
import org.jspecify.annotations.Nullable;

/** The doorbells of all queues (NVMe base 1.4, 3.1.24 and 3.1.25), with shadows if so wished. */
public final class Doorbells {
    /** Where they begin in BAR 0. */
    public static final long START = 0x1000;

    private final BarView registers;
    private final int shift;
    private @Nullable ShadowDoorbells shadow;

    /**
     * Finds the doorbells.
     *
     * @param stride CAP.DSTRD: they are {@code 4 << stride} bytes apart
     */
    public Doorbells(BarView registers, int stride) {
        this.registers = registers;
        shift = 2 + stride;
    }

    /** Hot. Says how far submission queue {@code id} is filled; any value goes. */
    public void submissionTail(int id, int value) {
        write(offset(id, 0), id, value);
    }

    /** Hot. Says how far completion queue {@code id} has been read; any value goes. */
    public void completionHead(int id, int value) {
        write(offset(id, 1), id, value);
    }

    /** Writes the doorbell register of a queue past its shadow. */
    public void writeRegister(int id, boolean completion, int value) {
        registers.write32(START + offset(id, completion ? 1 : 0), value);
    }

    /** Whether doorbells are written straight to memory, not by message. */
    public boolean isMapped() {
        return registers.isMapped(START);
    }

    /** Uses shadows for I/O queues from now on; null: no longer. */
    void shadow(@Nullable ShadowDoorbells doorbells) {
        shadow = doorbells;
    }

    /** Makes a doorbell's shadows zero, as it is when its queue begins. */
    void clear(int id, boolean completion) {
        if (shadow != null) {
            shadow.clear(offset(id, completion ? 1 : 0));
        }
    }

    private long offset(int id, int completion) {
        return (2L * id + completion) << shift;
    }

    /** The admin queue has no shadow, as in Linux: it is there before they are. */
    private void write(long offset, int id, int value) {
        var shadows = shadow;
        if (shadows == null
                || id == 0
                || !ShadowDoorbells.holds(offset)
                || shadows.update(offset, value)) {
            registers.write32(START + offset, value);
        }
    }
}
