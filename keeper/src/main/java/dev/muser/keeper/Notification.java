package dev.muser.keeper;

import dev.muser.service.DescriptorNames;
import org.jspecify.annotations.Nullable;

/**
 * What a process says in one datagram: lines of {@code NAME=value}, {@code sd_notify(3)}. What is
 * not known, or has no sense, is passed over, as systemd does; of a name that is there twice the
 * first counts.
 */
final class Notification {
    /** No number was given. */
    static final long NONE = -1;

    /** What systemd calls a descriptor without a name, or with one that cannot be. */
    static final String NAMELESS = "stored";

    boolean ready;
    boolean reloading;
    boolean stopping;
    boolean alive;
    boolean hung;
    boolean keep;
    boolean forget;
    boolean deathsForgiven;
    long mainPid = NONE;
    long watchdog = NONE; // microseconds
    long extension = NONE; // microseconds
    @Nullable String name;

    private Notification() {}

    /** Returns what {@code text} says; null when it is no text. */
    static @Nullable Notification parse(String text) {
        int end = text.length();
        while (end > 0 && text.charAt(end - 1) == '\0') {
            end--;
        }
        if (text.indexOf('\0') >= 0 && text.indexOf('\0') < end) {
            return null;
        }
        var notification = new Notification();
        int from = 0;
        while (from < end) {
            int to = text.indexOf('\n', from);
            if (to < 0 || to > end) {
                to = end;
            }
            int equals = text.indexOf('=', from);
            if (equals > from && equals < to) {
                notification.line(text.substring(from, equals), text.substring(equals + 1, to));
            }
            from = to + 1;
        }
        return notification;
    }

    private void line(String variable, String value) {
        boolean one = value.equals("1");
        switch (variable) {
            case "READY" -> ready |= one;
            case "RELOADING" -> reloading |= one;
            case "STOPPING" -> stopping |= one;
            case "FDSTORE" -> keep |= one;
            case "FDSTOREREMOVE" -> forget |= one;
            case "RESTART_RESET" -> deathsForgiven |= one;
            case "WATCHDOG" -> {
                alive |= one;
                hung |= value.equals("trigger");
            }
            case "FDNAME" -> name = name == null ? value : name;
            case "MAINPID" -> mainPid = mainPid == NONE ? number(value) : mainPid;
            case "WATCHDOG_USEC" -> watchdog = watchdog == NONE ? number(value) : watchdog;
            case "EXTEND_TIMEOUT_USEC" -> extension = extension == NONE ? number(value) : extension;
            // FDPOLL: nothing is polled here; BARRIER: its descriptor is closed; STATUS: nobody
            // asks
            default -> {}
        }
    }

    /** Returns the name for what is to be kept. */
    String nameToKeep() {
        return name != null && DescriptorNames.isValid(name) ? name : NAMELESS;
    }

    /** Returns the name of what is to be forgotten; null when that is not said. */
    @Nullable String nameToForget() {
        return name != null && DescriptorNames.isValid(name) ? name : null;
    }

    private static long number(String digits) {
        if (digits.isEmpty() || digits.length() > 15) {
            return NONE;
        }
        long number = 0;
        for (int i = 0; i < digits.length(); i++) {
            char c = digits.charAt(i);
            if (c < '0' || c > '9') {
                return NONE;
            }
            number = number * 10 + (c - '0');
        }
        return number;
    }
}
