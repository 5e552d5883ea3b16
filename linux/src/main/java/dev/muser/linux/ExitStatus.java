package dev.muser.linux;

/**
 * How a process ended.
 *
 * @param code what it said, 0 to 255; -1 when a signal ended it, or when nobody can tell
 * @param signal the number of the signal that ended it; 0 when it ended by itself
 * @param coreDumped whether the kernel dumped its memory
 */
public record ExitStatus(int code, int signal, boolean coreDumped) {
    /** Of a process whose parent was another, and took the news. */
    public static final ExitStatus UNKNOWN = new ExitStatus(-1, 0, false);

    private static final String[] SIGNALS = {
        "", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE",
        "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM"
    };

    /** Whether it said that all was well. */
    public boolean isSuccess() {
        return code == 0;
    }

    /** Returns what a shell would say of it: the code, or 128 and the signal; 1 when unknown. */
    public int shellCode() {
        return signal != 0 ? 128 + signal : code < 0 ? 1 : code;
    }

    /** Returns {@code exit code 3}, {@code SIGSEGV (core dumped)} and the like. */
    @Override
    public String toString() {
        if (signal == 0) {
            return code < 0 ? "an unknown exit code" : "exit code " + code;
        }
        var name = signal < SIGNALS.length ? SIGNALS[signal] : "signal " + signal;
        return coreDumped ? name + " (core dumped)" : name;
    }
}
