package dev.muser.keeper;

import dev.muser.linux.ChildProcess;
import dev.muser.linux.PidFd;
import org.jspecify.annotations.Nullable;

/** The process that serves, as far as the keeper knows it: what it said, and until when it has. */
final class DeviceProcess {
    private final ChildProcess process;
    private final Options options;
    private boolean ready;
    private boolean stopping;
    private boolean hung;
    private long readySince;
    private long watchdog; // nanoseconds; 0 for none
    private long startDue;
    private long watchdogDue = Time.NEVER;
    private long stopDue = Time.NEVER;

    DeviceProcess(ChildProcess process, Options options) {
        this.process = process;
        this.options = options;
        watchdog = options.watchdog().toNanos();
        startDue = Time.in(options.startTimeout());
    }

    ChildProcess process() {
        return process;
    }

    boolean isReady() {
        return ready;
    }

    /** Whether it has said that it is about to end. */
    boolean isStopping() {
        return stopping;
    }

    /** Whether it has been ready for so long that it has not died in a loop. */
    boolean isSteady() {
        return ready && Time.now() - readySince >= options.steady().toNanos();
    }

    /** Takes note of what it says of itself. */
    void hear(Notification said) {
        if (said.stopping) {
            stopping = true;
            watchdogDue = Time.NEVER;
            if (stopDue == Time.NEVER) {
                stopDue = Time.in(options.stopTimeout());
            }
        } else if (said.ready && !ready) {
            ready = true;
            readySince = Time.now();
            startDue = Time.NEVER;
            watchdogDue = Time.in(watchdog);
        }
        if (said.watchdog != Notification.NONE) {
            watchdog = said.watchdog * 1000;
        }
        if (ready && !stopping && (said.alive || said.watchdog != Notification.NONE)) {
            watchdogDue = Time.in(watchdog);
        }
        if (said.extension > 0) {
            long until = Time.in(said.extension * 1000);
            startDue = later(startDue, until);
            watchdogDue = later(watchdogDue, until);
            stopDue = later(stopDue, until);
        }
        if (said.hung) {
            hung = true;
            watchdogDue = Time.now();
        }
    }

    private static long later(long due, long until) {
        return due == Time.NEVER ? due : Math.max(due, until);
    }

    /** Tells it to end, and begins to wait for it. */
    void stop() {
        process.signal(PidFd.SIGTERM);
        stopDue = Time.in(options.stopTimeout());
        startDue = Time.NEVER;
        watchdogDue = Time.NEVER;
    }

    /** Ends it. */
    void kill() {
        process.signal(PidFd.SIGKILL);
        startDue = Time.NEVER;
        watchdogDue = Time.NEVER;
        stopDue = Time.NEVER;
    }

    /** Returns when it will have taken too long for something. */
    long due() {
        return Math.min(stopDue, Math.min(startDue, watchdogDue));
    }

    /** Returns what it has taken too long for, in words; null when nothing. */
    @Nullable String overdue() {
        long now = Time.now();
        if (stopDue <= now) {
            return "does not come to an end";
        }
        if (startDue <= now) {
            return "is not ready after ".concat(Words.time(options.startTimeout().toNanos()));
        }
        if (watchdogDue <= now && hung) {
            return "asks for its end (WATCHDOG=trigger)";
        }
        if (watchdogDue <= now) {
            return "hangs (watchdog, ".concat(Words.time(watchdog)).concat(")");
        }
        return null;
    }
}
