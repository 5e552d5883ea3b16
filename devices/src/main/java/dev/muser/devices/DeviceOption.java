package dev.muser.devices;

import java.util.List;
import java.util.function.Predicate;

/**
 * Something about a device that whoever starts it may choose.
 *
 * @param name lower case, words joined by hyphens
 * @param description one line, for people
 * @param defaultValue what it is when nothing is chosen; accepted by {@code valid}
 * @param accepts which values are valid, in words that follow "is not" or "takes"
 * @param valid tells the valid values
 */
public record DeviceOption(
        String name,
        String description,
        String defaultValue,
        String accepts,
        Predicate<String> valid) {

    public DeviceOption {
        if (!name.matches("[a-z][a-z0-9-]*")) {
            throw new IllegalArgumentException("option name '" + name + "' is not lower-case");
        }
        if (!valid.test(defaultValue)) {
            throw new IllegalArgumentException(
                    "default '%s' of option %s is not %s".formatted(defaultValue, name, accepts));
        }
    }

    /** An integer, decimal or with 0x in front, in {@code least} to {@code most}. */
    public static DeviceOption integer(
            String name, String description, long defaultValue, long least, long most) {
        return new DeviceOption(
                name,
                description,
                Long.toString(defaultValue),
                "an integer from %d to %d".formatted(least, most),
                text -> isIntegerIn(text, least, most));
    }

    /** {@code true} or {@code false}. */
    public static DeviceOption flag(String name, String description, boolean defaultValue) {
        return choice(name, description, Boolean.toString(defaultValue), List.of("true", "false"));
    }

    /** One of some words. */
    public static DeviceOption choice(
            String name, String description, String defaultValue, List<String> words) {
        return new DeviceOption(
                name,
                description,
                defaultValue,
                "one of " + String.join(", ", words),
                words::contains);
    }

    /** Up to {@code length} printable ASCII characters. */
    public static DeviceOption text(
            String name, String description, String defaultValue, int length) {
        return new DeviceOption(
                name,
                description,
                defaultValue,
                "up to %d printable ASCII characters".formatted(length),
                text -> text.matches("[ -~]{0,%d}".formatted(length)));
    }

    private static boolean isIntegerIn(String text, long least, long most) {
        try {
            long value = Long.decode(text);
            return value >= least && value <= most;
        } catch (NumberFormatException e) {
            return false;
        }
    }
}
