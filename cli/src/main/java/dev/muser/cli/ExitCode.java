package dev.muser.cli;

/** What the command tells its caller. */
final class ExitCode {
    static final int OK = 0;

    /** A check failed, a server went away, or Muser itself is wrong. */
    static final int FAILED = 1;

    /** The command line, or what it refers to, is wrong. */
    static final int USAGE = 2;

    /** This build cannot go on from what a process before it has left: none of its likes could. */
    static final int UNREADABLE = 4;

    /** Interrupted by Ctrl-C (128 + SIGINT). */
    static final int INTERRUPTED = 130;

    private ExitCode() {}
}
