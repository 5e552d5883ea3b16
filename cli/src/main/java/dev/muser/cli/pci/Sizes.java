package dev.muser.cli.pci;

/** Sizes in bytes, for people. */
public final class Sizes {
    private static final String[] UNITS = {"", "K", "M", "G", "T", "P", "E"};

    private Sizes() {}

    /** Returns {@code 4K} for 4096, and {@code 4097} for 4097: never rounded. */
    public static String of(long bytes) {
        int unit = 0;
        long number = bytes;
        while (number != 0 && number % 1024 == 0 && unit < UNITS.length - 1) {
            number /= 1024;
            unit++;
        }
        return Long.toUnsignedString(number) + UNITS[unit];
    }
}
