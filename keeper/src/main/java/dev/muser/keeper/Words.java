package dev.muser.keeper;

/** What the keeper tells its operator: a line each, on the error stream. */
final class Words {
    private Words() {}

    static void say(String... parts) {
        var line = new StringBuilder("muser keeper: ");
        for (var part : parts) {
            line.append(part);
        }
        System.err.println(line);
    }

    static String number(long number) {
        return Long.toString(number);
    }

    /** Returns a time as people say it: {@code 80 ms}, {@code 10 s}. */
    static String time(long nanoseconds) {
        long milliseconds = nanoseconds / 1_000_000;
        return milliseconds % 1000 == 0 && milliseconds > 0
                ? Long.toString(milliseconds / 1000).concat(" s")
                : Long.toString(milliseconds).concat(" ms");
    }
}
