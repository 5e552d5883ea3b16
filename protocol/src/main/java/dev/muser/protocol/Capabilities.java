package dev.muser.protocol;

import org.jspecify.annotations.Nullable;

/**
 * What one side of a session says of itself in VERSION. An absent key means its default, and so
 * {@link #DEFAULTS} is what a side that says nothing has said.
 *
 * @param maxMsgFds how many descriptors the sender can receive in one message, 0 to {@value
 *     #MAX_MSG_FDS}
 * @param maxDataXferSize most bytes in one REGION, DMA or MIG_DATA message, above 0
 * @param maxDmaMaps most mappings at a time, above 0
 * @param pgsizes page sizes for mappings, one bit each (4096 is 4 KiB): unsigned, none below 4 KiB
 * @param writeMultiple REGION_WRITE_MULTI is understood
 * @param twinSocket a second socket for what the server sends: offered by a client, given by a
 *     server; null when not spoken of
 * @param migration dirty page logging; null when not spoken of. Not in the present specification,
 *     but QEMU and libvfio-user send it
 */
public record Capabilities(
        int maxMsgFds,
        long maxDataXferSize,
        long maxDmaMaps,
        long pgsizes,
        boolean writeMultiple,
        @Nullable TwinSocket twinSocket,
        @Nullable Migration migration) {
    /** The most that anybody may claim to receive, as libvfio-user has it. */
    public static final int MAX_MSG_FDS = 1024;

    /** Smallest page: page sizes below are refused, as QEMU does. */
    public static final int MIN_PAGE_SIZE = 4096;

    /** What holds when nothing is said. */
    public static final Capabilities DEFAULTS =
            new Capabilities(1, 1 << 20, 65535, 4096, false, null, null);

    /**
     * The twin_socket object.
     *
     * @param supported offered, or agreed to
     * @param fdIndex which descriptor of the VERSION reply is the socket; {@value #NO_FD} in a
     *     request
     */
    public record TwinSocket(boolean supported, int fdIndex) {
        /** No index is given. */
        public static final int NO_FD = -1;

        public TwinSocket {
            check(fdIndex >= NO_FD && fdIndex < MAX_MSG_FDS, "twin_socket.fd_index", fdIndex);
        }
    }

    /**
     * The migration object.
     *
     * @param pgsize bytes that one bit of a dirty bitmap stands for, a power of two from 4096
     * @param maxBitmapSize longest dirty bitmap in bytes, above 0
     */
    public record Migration(long pgsize, long maxBitmapSize) {
        /** What holds when max_bitmap_size is absent: 256 MiB, QEMU's default. */
        public static final long DEFAULT_MAX_BITMAP_SIZE = 256L << 20;

        public Migration {
            check(pgsize >= MIN_PAGE_SIZE && Wire.isPowerOfTwo(pgsize), "migration.pgsize", pgsize);
            check(maxBitmapSize > 0, "migration.max_bitmap_size", maxBitmapSize);
        }
    }

    /**
     * @throws IllegalArgumentException if a number is outside of its range; says which
     */
    public Capabilities {
        check(maxMsgFds >= 0 && maxMsgFds <= MAX_MSG_FDS, "max_msg_fds", maxMsgFds);
        check(maxDataXferSize > 0, "max_data_xfer_size", maxDataXferSize);
        check(maxDmaMaps > 0, "max_dma_maps", maxDmaMaps);
        check(pgsizes != 0 && (pgsizes & (MIN_PAGE_SIZE - 1)) == 0, "pgsizes", pgsizes);
    }

    private static void check(boolean good, String key, long value) {
        if (!good) {
            throw new IllegalArgumentException(
                    key
                            + " is "
                            + (key.equals("pgsizes") ? Long.toUnsignedString(value) : value)
                            + ": must be "
                            + range(key));
        }
    }

    private static String range(String key) {
        return switch (key) {
            case "max_msg_fds" -> "0 to " + MAX_MSG_FDS;
            case "twin_socket.fd_index" -> "0 to " + (MAX_MSG_FDS - 1);
            case "pgsizes" -> "a bitmap of page sizes, not 0, with its low 12 bits clear";
            case "migration.pgsize" -> "a power of two, at least " + MIN_PAGE_SIZE;
            default -> "above 0";
        };
    }

    /** Whether the sender offers, or gives, a second socket. */
    public boolean hasTwinSocket() {
        return twinSocket != null && twinSocket.supported();
    }

    /**
     * What a server that has these capabilities answers to a client that proposed others, and what
     * both then keep to: the smaller limit, what both can do, and nothing that was not proposed.
     * Only maxMsgFds stays each side's own, since it is about receiving: the server sends at most
     * {@code proposed.maxMsgFds()}.
     *
     * <p>This object's twinSocket says whether the server wants one; the answer's, with fd_index 0,
     * whether to make it and send it as the only descriptor of the reply.
     *
     * @throws ProtocolException EINVAL when there is no page size in common
     */
    public Capabilities answer(Capabilities proposed) throws ProtocolException {
        long commonPages = pgsizes & proposed.pgsizes;
        if (commonPages == 0) {
            throw new ProtocolException(
                    Wire.EINVAL,
                    "pgsizes: the client has "
                            + Long.toUnsignedString(proposed.pgsizes)
                            + ", this server "
                            + Long.toUnsignedString(pgsizes)
                            + ": no page size in common");
        }
        boolean twin = hasTwinSocket() && proposed.hasTwinSocket() && proposed.maxMsgFds > 0;
        return new Capabilities(
                maxMsgFds,
                Math.min(maxDataXferSize, proposed.maxDataXferSize),
                Math.min(maxDmaMaps, proposed.maxDmaMaps),
                commonPages,
                writeMultiple && proposed.writeMultiple,
                twin ? new TwinSocket(true, 0) : null,
                commonMigration(migration, proposed.migration));
    }

    private static @Nullable Migration commonMigration(
            @Nullable Migration ours, @Nullable Migration theirs) throws ProtocolException {
        if (ours == null || theirs == null) {
            return null;
        }
        if (ours.pgsize != theirs.pgsize) {
            throw new ProtocolException(
                    Wire.EINVAL,
                    "migration.pgsize: the client has "
                            + theirs.pgsize
                            + ", this server logs pages of "
                            + ours.pgsize);
        }
        return new Migration(ours.pgsize, Math.min(ours.maxBitmapSize, theirs.maxBitmapSize));
    }

    /**
     * Decodes the text of a VERSION message.
     *
     * @param text the JSON with its terminating NUL; of length 0 when the message has none
     * @throws ProtocolException EINVAL: not JSON, a key twice, a wrong type, a number out of range,
     *     text beyond the limits; the message says which key and why
     */
    public static Capabilities decode(byte[] text) throws ProtocolException {
        return text.length == 0 ? DEFAULTS : CapabilitiesReader.read(text);
    }

    /**
     * Encodes as compact JSON with a terminating NUL. max_msg_fds and max_data_xfer_size are always
     * said (QEMU takes an absent max_msg_fds for 8, the specification for 1), the others when they
     * differ from what absence means.
     */
    public byte[] encode() {
        return CapabilitiesWriter.write(this);
    }
}
