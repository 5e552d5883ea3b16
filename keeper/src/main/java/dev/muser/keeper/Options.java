package dev.muser.keeper;

import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * What a keeper is told.
 *
 * @param command the device process: a program and its arguments
 * @param environment all of its environment, to which the keeper adds its own variables
 * @param spare whether to keep a second process warm, which takes over when the first one dies
 * @param capacity how many descriptors it keeps at most
 * @param watchdog how long the device process may be silent before it is killed; zero for ever
 * @param deaths how many deaths within {@code within} are too many; 0 for any number
 * @param within see {@code deaths}
 * @param steady a process that dies after it has been ready for so long has not died in a loop
 * @param startTimeout how long it may take to be ready; zero for ever
 * @param stopTimeout how long it may take to end when it is told to; zero for ever
 * @param handoverTimeout how long a spare may take to take over
 */
public record Options(
        List<String> command,
        Map<String, String> environment,
        boolean spare,
        int capacity,
        Duration watchdog,
        int deaths,
        Duration within,
        Duration steady,
        Duration startTimeout,
        Duration stopTimeout,
        Duration handoverTimeout) {

    /** How to call {@link Main}. */
    public static final String USAGE =
            "usage: keeper [--spare] [--capacity=N] [--watchdog=SECONDS] [--deaths=N]"
                + " [--within=SECONDS] [--steady=SECONDS] [--start-timeout=SECONDS]"
                + " [--stop-timeout=SECONDS] [--handover-timeout=SECONDS] -- COMMAND [ARGUMENT...]";

    /**
     * Reads a command line.
     *
     * @throws IllegalArgumentException that says what is wrong with it
     */
    public static Options parse(String[] arguments, Map<String, String> environment) {
        boolean spare = false;
        int capacity = 4096;
        int deaths = 5;
        var watchdog = Duration.ZERO;
        var within = Duration.ofSeconds(10);
        var steady = Duration.ofSeconds(2);
        var startTimeout = Duration.ofSeconds(90);
        var stopTimeout = Duration.ofSeconds(10);
        var handoverTimeout = Duration.ofSeconds(2);
        int at = 0;
        for (; at < arguments.length && !arguments[at].equals("--"); at++) {
            var argument = arguments[at];
            int equals = argument.indexOf('=');
            var name = equals < 0 ? argument : argument.substring(0, equals);
            var value = equals < 0 ? "" : argument.substring(equals + 1);
            switch (name) {
                case "--spare" -> {
                    if (equals >= 0) {
                        throw wrong(argument);
                    }
                    spare = true;
                }
                case "--capacity" -> capacity = number(argument, value, 1);
                case "--deaths" -> deaths = number(argument, value, 0);
                case "--watchdog" -> watchdog = seconds(argument, value);
                case "--within" -> within = seconds(argument, value);
                case "--steady" -> steady = seconds(argument, value);
                case "--start-timeout" -> startTimeout = seconds(argument, value);
                case "--stop-timeout" -> stopTimeout = seconds(argument, value);
                case "--handover-timeout" -> handoverTimeout = seconds(argument, value);
                default -> throw wrong(argument);
            }
        }
        if (at + 1 >= arguments.length) {
            throw new IllegalArgumentException("no command: put it behind --");
        }
        return new Options(
                List.of(arguments).subList(at + 1, arguments.length),
                environment,
                spare,
                capacity,
                watchdog,
                deaths,
                within,
                steady,
                startTimeout,
                stopTimeout,
                handoverTimeout);
    }

    private static int number(String argument, String value, int least) {
        try {
            int number = Integer.parseInt(value);
            if (number >= least && number <= 1_000_000) {
                return number;
            }
        } catch (NumberFormatException e) {
            // as wrong as one out of range
        }
        throw wrong(argument);
    }

    private static Duration seconds(String argument, String value) {
        try {
            double seconds = Double.parseDouble(value);
            if (seconds >= 0 && seconds <= 1_000_000) {
                return Duration.ofNanos((long) (seconds * 1e9));
            }
        } catch (NumberFormatException e) {
            // as wrong as one out of range
        }
        throw wrong(argument);
    }

    private static IllegalArgumentException wrong(String argument) {
        return new IllegalArgumentException("option ".concat(argument).concat(" is wrong"));
    }
}
