package dev.muser.cli.disk;

import dev.muser.cli.DurationConverter;
import dev.muser.devices.storage.RateLimit;
import java.time.Duration;
import java.util.Locale;
import java.util.regex.Pattern;
import picocli.CommandLine.TypeConversionException;

/** Reads numbers as people write them. What is wrong is said in words that follow a name. */
final class Amounts {
    private static final Pattern SIZE = Pattern.compile("(\\d{1,19})([KkMmGgTt]?)");
    private static final Pattern COUNT = Pattern.compile("\\d{1,18}");

    private Amounts() {}

    /**
     * Returns bytes: a number, with K, M, G or T for KiB and so on.
     *
     * @throws IllegalArgumentException when it is none, or less than 1
     */
    static long size(String text) {
        var match = SIZE.matcher(text);
        if (match.matches()) {
            int shift = "kmgt".indexOf(match.group(2).toLowerCase(Locale.ROOT)) + 1;
            if (match.group(2).isEmpty()) {
                shift = 0;
            }
            try {
                long size = Math.multiplyExact(Long.parseLong(match.group(1)), 1L << (10 * shift));
                if (size > 0) {
                    return size;
                }
            } catch (ArithmeticException | NumberFormatException e) {
                throw new IllegalArgumentException("'%s' is more than a disk has".formatted(text));
            }
        }
        throw new IllegalArgumentException(
                "'%s' is not a size such as 512M or 10G".formatted(text));
    }

    /** Returns a whole number from {@code least} to {@code most}. */
    static long count(String text, long least, long most) {
        if (COUNT.matcher(text).matches()) {
            long count = Long.parseLong(text);
            if (count >= least && count <= most) {
                return count;
            }
        }
        throw new IllegalArgumentException(
                most == Long.MAX_VALUE
                        ? "'%s' is not a number of at least %d".formatted(text, least)
                        : "'%s' is not a number from %d to %d".formatted(text, least, most));
    }

    /** Returns a time: {@code 500ms}, {@code 10s}. */
    static Duration duration(String text) {
        try {
            return new DurationConverter().convert(text);
        } catch (TypeConversionException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
    }

    /** Returns a rate of commands: {@code 1000} or {@code 1000:5000}. */
    static RateLimit operations(String text) {
        int colon = text.indexOf(':');
        return colon < 0
                ? RateLimit.of(count(text, 1, Long.MAX_VALUE))
                : new RateLimit(
                        count(text.substring(0, colon), 1, Long.MAX_VALUE),
                        count(text.substring(colon + 1), 1, Long.MAX_VALUE));
    }

    /** Returns a rate of bytes: {@code 100M} or {@code 100M:1G}. */
    static RateLimit bytes(String text) {
        int colon = text.indexOf(':');
        return colon < 0
                ? RateLimit.of(size(text))
                : new RateLimit(size(text.substring(0, colon)), size(text.substring(colon + 1)));
    }
}
