package dev.muser.device.pci;

/** MSI or MSI-X: what the driver has said about its vectors. */
abstract sealed class MessageCapability extends Capability permits Msi, MsiX {
    private final int vectors;

    MessageCapability(int id, int length, int vectors) {
        super(id, length);
        this.vectors = vectors;
    }

    final int vectors() {
        return vectors;
    }

    /** Hot. Whether the driver has switched it on. */
    abstract boolean enabled();

    /** Hot. Whether the driver has masked a vector, or all. */
    abstract boolean masked(int vector);

    /** Hot. Returns the vector that is used for {@code vector}; the driver may allow fewer. */
    abstract int allocated(int vector);

    /** Hot. A vector has become pending, or is no longer. */
    abstract void pending(int vector, boolean pending);
}
