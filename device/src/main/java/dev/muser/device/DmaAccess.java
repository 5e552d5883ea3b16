package dev.muser.device;

/** What the device may do with mapped memory ({@code VFIO_DMA_MAP_FLAG_*}). */
public enum DmaAccess {
    NONE(false, false),
    READ(true, false),
    WRITE(false, true),
    READ_WRITE(true, true);

    private final boolean readable;
    private final boolean writable;

    DmaAccess(boolean readable, boolean writable) {
        this.readable = readable;
        this.writable = writable;
    }

    public boolean readable() {
        return readable;
    }

    public boolean writable() {
        return writable;
    }

    /** Whether all that {@code wanted} asks for is allowed. */
    public boolean allows(DmaAccess wanted) {
        return (readable || !wanted.readable) && (writable || !wanted.writable);
    }

    public static DmaAccess of(boolean readable, boolean writable) {
        if (readable) {
            return writable ? READ_WRITE : READ;
        }
        return writable ? WRITE : NONE;
    }
}
