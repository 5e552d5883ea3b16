package dev.muser.cli.disk;

import java.util.Locale;

/**
 * What can be said of a namespace: by an option ({@code --block-size 4096}) of the first one, and
 * by a key ({@code block-size=4096}) of those in {@code --namespace}.
 */
public enum DiskKey {
    FILE(Topic.PLACE, "IMG", "An image: a regular file or a block device. --size creates one."),
    MEMORY(Topic.PLACE, "SIZE", "Memory of this process, gone with it: 512M, 10G."),
    NULL(Topic.PLACE, "SIZE", "Nothing: writes are forgotten, reads leave memory as it is."),
    NBD(
            Topic.PLACE,
            "URI",
            "An NBD server, such as qemu-nbd or nbdkit: nbd://host:port/export, or"
                    + " nbd+unix:///export?socket=/path."),

    SIZE(Topic.IMAGE, "SIZE", "Create the image if it is missing: sparse, of so many bytes."),
    DIRECT(Topic.IMAGE, "", "Bypass the page cache (O_DIRECT)."),
    ENGINE(
            Topic.IMAGE,
            "ENGINE",
            "Who makes the system calls: uring (io_uring), threads, or auto, which is uring where"
                    + " it is allowed. auto unless given."),
    THREADS(Topic.IMAGE, "N", "Most threads of the engine 'threads': 1 to 64, 8 unless given."),

    CONNECTIONS(
            Topic.SERVER,
            "N",
            "Most connections, where the server allows several: 1 to 64, 4 unless given."),
    PATIENCE(
            Topic.SERVER,
            "TIME",
            "How long commands wait for a server that has gone, before they fail: 60s unless"
                    + " given."),

    BLOCK_SIZE(
            Topic.NAMESPACE, "BYTES", "Bytes of a logical block, 512 or 4096: 512 unless given."),
    READ_ONLY(Topic.NAMESPACE, "", "Refuse writes. Several servers can share an image that way."),
    DETACHED(Topic.NAMESPACE, "", "The guest has it only once it has attached it."),
    UUID(Topic.NAMESPACE, "UUID", "What it is known by: made from the image's path unless given."),

    IOPS(
            Topic.LIMITS,
            "N[:BURST]",
            "Most commands a second, and how many at once after a pause: N/10 unless given."),
    BANDWIDTH(Topic.LIMITS, "SIZE[:BURST]", "Most bytes a second, likewise: 100M, 100M:1G."),
    READ_IOPS(Topic.LIMITS, "N[:BURST]", "The same for reads alone; all that are given hold."),
    READ_BANDWIDTH(Topic.LIMITS, "SIZE[:BURST]", "The same for reads alone."),
    WRITE_IOPS(Topic.LIMITS, "N[:BURST]", "The same for writes alone."),
    WRITE_BANDWIDTH(Topic.LIMITS, "SIZE[:BURST]", "The same for writes alone.");

    /** What a key is about. */
    public enum Topic {
        PLACE("where a disk's bytes are, one of"),
        IMAGE("with --file"),
        SERVER("with --nbd"),
        NAMESPACE("the namespace"),
        LIMITS("its limits");

        private final String heading;

        Topic(String heading) {
            this.heading = heading;
        }

        /** What stands above its keys in the help. */
        public String heading() {
            return heading;
        }
    }

    private final Topic topic;
    private final String label;
    private final String description;

    DiskKey(Topic topic, String label, String description) {
        this.topic = topic;
        this.label = label;
        this.description = description;
    }

    public Topic topic() {
        return topic;
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
}
