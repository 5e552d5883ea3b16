package dev.muser.bench;

/**
 * One way to load a disk.
 *
 * @param kind of storage, as {@link DiskServer} calls it
 * @param bytes of each command
 * @param writes how many of 256 commands write
 * @param shadow whether doorbells lie in the driver's memory, and messages ring them
 */
record DiskCase(String kind, int bytes, int writes, int queues, int depth, boolean shadow) {
    static final int READ = 0;
    static final int HALF = 128;
    static final int WRITE = 256;

    static DiskCase of(String kind, int bytes, int writes, int depth) {
        return new DiskCase(kind, bytes, writes, 1, depth, false);
    }

    DiskCase withQueues(int count) {
        return new DiskCase(kind, bytes, writes, count, depth, shadow);
    }

    DiskCase withShadow() {
        return new DiskCase(kind, bytes, writes, queues, depth, true);
    }

    /** Returns the blocks of the disk that it is for. */
    int blockSize() {
        return Math.min(bytes, 4096);
    }

    /** Returns it in words. */
    String title() {
        var size = bytes < 1024 ? bytes + " B" : bytes / 1024 + " KiB";
        var way = writes == READ ? "read" : writes == WRITE ? "write" : "50/50";
        return "%s, %s %s, depth %d%s%s"
                .formatted(
                        kind,
                        size,
                        way,
                        depth,
                        queues == 1 ? "" : ", %d queues".formatted(queues),
                        shadow ? ", shadow" : "");
    }
}
