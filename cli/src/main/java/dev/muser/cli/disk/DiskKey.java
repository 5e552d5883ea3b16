package dev.muser.cli.disk;

import java.util.Locale;

/**
 * What can be said of a namespace: by an option ({@code --block-size 4096}) of the first one, and
 * by a key ({@code block-size=4096}) of those in {@code --namespace}.
 */
public enum DiskKey {
    FILE("IMG", "An image: a regular file or a block device. --size creates one."),
    MEMORY("SIZE", "Memory of this process, gone with it."),
    NULL("SIZE", "Nothing: writes are forgotten, reads leave memory as it is."),

    SIZE("SIZE", "Create the image if it is missing: sparse, of so many bytes."),
    DIRECT("", "Bypass the page cache (O_DIRECT)."),
    ENGINE(
            "ENGINE",
            "Who makes the image's system calls: uring (io_uring), threads, or auto, which is"
                    + " uring where it is allowed. auto unless given."),
    THREADS("N", "Most threads of the engine 'threads': 1 to 64, 8 unless given."),

    BLOCK_SIZE("BYTES", "Bytes of a logical block, 512 or 4096: 512 unless given."),
    READ_ONLY("", "Refuse writes. Several servers can share an image that way."),
    DETACHED("", "The guest sees it only after it attaches it: 'nvme attach-ns'."),
    UUID("UUID", "What guests know it by: made from the image's path unless given."),

    IOPS("N[:BURST]", "Most commands a second; BURST at once after a pause, N/10 unless given."),
    BANDWIDTH("SIZE[:BURST]", "Most bytes a second; with a burst likewise."),
    READ_IOPS("N[:BURST]", "The same for reads alone; both limits hold."),
    READ_BANDWIDTH("SIZE[:BURST]", "The same for reads alone."),
    WRITE_IOPS("N[:BURST]", "The same for writes alone."),
    WRITE_BANDWIDTH("SIZE[:BURST]", "The same for writes alone.");

    private final String label;
    private final String description;

    DiskKey(String label, String description) {
        this.label = label;
        this.description = description;
    }

    /** As it is typed, without hyphens in front. */
    public String key() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** As an option. */
    public String option() {
        return "--" + key();
    }

    /** What its value is, for the help; empty without a value. */
    public String label() {
        return label;
    }

    public String description() {
        return description;
    }

    /** Whether it is said by being there. */
    public boolean isFlag() {
        return label.isEmpty();
    }

    /** Whether it says where the bytes are: a disk has one of these. */
    public boolean isPlace() {
        return ordinal() < SIZE.ordinal();
    }

    /** Whether it is about images alone. */
    public boolean isOfFile() {
        return ordinal() >= SIZE.ordinal() && ordinal() < BLOCK_SIZE.ordinal();
    }

    /** Whether it limits a rate. */
    public boolean isLimit() {
        return ordinal() >= IOPS.ordinal();
    }
}
