package dev.muser.service;

/** What a descriptor may be called: {@code FDNAME=} of {@code sd_notify(3)}. */
public final class DescriptorNames {
    /** Characters that a name may have. */
    public static final int MAX_LENGTH = 255;

    /**
     * Bytes that all names may take together, each with its separator: Linux gives a variable of a
     * program's environment 128 KiB ({@code MAX_ARG_STRLEN}), and {@code LISTEN_FDNAMES} is one.
     */
    public static final int MAX_TOGETHER = 130_000;

    /** What most names take of that, or less. */
    static final int USUAL_LENGTH = 32;

    /**
     * What the names begin with under which {@link ServiceManager#store} keeps things: sockets of a
     * socket unit come with the same variables, and no unit's name begins with a dot.
     */
    static final String STORED = ".";

    private DescriptorNames() {}

    /** Whether systemd takes this as a name: printable ASCII without ':', 1 to 255 characters. */
    public static boolean isValid(String name) {
        int length = name.length();
        if (length == 0 || length > MAX_LENGTH) {
            return false;
        }
        for (int i = 0; i < length; i++) {
            char c = name.charAt(i);
            if (c < ' ' || c > '~' || c == ':') {
                return false;
            }
        }
        return true;
    }

    /** Returns what {@code name} of a store is called outside; throws when it is not valid. */
    static String stored(String name) {
        var outside = STORED.concat(name);
        if (name.isEmpty() || !isValid(outside)) {
            throw new IllegalArgumentException(
                    "name of a descriptor: '%s' is not 1 to %d printable ASCII characters without ':'"
                            .formatted(name, MAX_LENGTH - 1));
        }
        return outside;
    }
}
