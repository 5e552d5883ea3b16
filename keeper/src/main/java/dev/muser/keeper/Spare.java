package dev.muser.keeper;

import dev.muser.linux.Epoll;
import dev.muser.linux.Fd;
import dev.muser.linux.SyscallException;
import dev.muser.service.HandoverException;
import dev.muser.service.StandbyProcess;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A second process that is kept warm, to go on when the first one dies. */
final class Spare {
    private static final Duration MOMENT = Duration.ofMillis(100);
    private static final long FIRST_PAUSE = 1_000_000_000L;
    private static final long LONGEST_PAUSE = 60_000_000_000L;

    private final Options options;
    private final Map<String, String> environment;
    private final Fd lifeline;
    private final Epoll epoll;
    private final long wordToken;
    private final long endToken;
    private List<String> command;
    private @Nullable StandbyProcess standby;
    private boolean warm;
    private boolean wanted;
    private int failures;
    private long startDue = Time.NEVER; // when it is to be started
    private long warmDue = Time.NEVER; // when it has taken too long to be warm

    /**
     * @param wordToken comes from {@code epoll} when it says something
     * @param endToken comes when it ends
     */
    Spare(
            Options options,
            Map<String, String> environment,
            Fd lifeline,
            Epoll epoll,
            long wordToken,
            long endToken) {
        this.options = options;
        command = options.command();
        this.environment = environment;
        this.lifeline = lifeline;
        this.epoll = epoll;
        this.wordToken = wordToken;
        this.endToken = endToken;
    }

    /** Lets there be one, once the device process is ready: before that it would slow its start. */
    void want() {
        if (options.spare() && !wanted) {
            wanted = true;
            if (standby == null && startDue == Time.NEVER) {
                startDue = Time.now();
            }
        }
    }

    /** Sets what the next one is started by. */
    void command(List<String> newest) {
        command = newest;
    }

    /** Replaces it: the program that it was started from may be an old one by now. */
    void renew() {
        if (standby != null) {
            kill();
        }
        wanted = false;
        startDue = Time.NEVER;
    }

    boolean isWarm() {
        return warm;
    }

    /** Returns its process id, 0 when there is none. */
    long pid() {
        return standby == null ? 0 : standby.process().pid();
    }

    /** Returns when {@link #look} is to be called. */
    long due() {
        return Math.min(startDue, warmDue);
    }

    /** Does what is due, and looks at what it says. */
    void look() {
        if (standby == null) {
            if (wanted && startDue <= Time.now()) {
                start();
            }
            return;
        }
        try {
            if (standby.process().poll() != null) {
                throw new HandoverException("it has died");
            }
            if (standby.isWarm() && !warm) {
                warm = true;
                failures = 0;
                warmDue = Time.NEVER;
            }
            if (warmDue <= Time.now()) {
                throw new HandoverException("it does not come up");
            }
        } catch (HandoverException e) {
            // its end of the channel is closed a little before it has ended
            var status = standby.process().await(MOMENT);
            failed(
                    status == null
                            ? e.getMessage()
                            : "it has died (".concat(status.toString()).concat(")"));
        }
    }

    private void start() {
        startDue = Time.NEVER;
        try {
            standby = StandbyProcess.start(command, environment, lifeline);
            epoll.add(standby.fd(), Epoll.IN, wordToken);
            epoll.add(standby.process().fd(), Epoll.IN, endToken);
            warmDue = Time.in(options.startTimeout());
        } catch (SyscallException e) {
            failed(e.getMessage());
        }
    }

    /** Takes note that it cannot be used; there will be another after a while. */
    void failed(@Nullable String why) {
        long pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE << Math.min(failures++, 6));
        Words.say(
                "no spare process: ",
                String.valueOf(why),
                "; the next try is in ",
                Words.time(pause));
        kill();
        startDue = Time.in(pause);
    }

    /** Gives up ownership of a warm one, to hand over to it. Another is started when wanted. */
    StandbyProcess take() {
        var taken = standby;
        if (taken == null) {
            throw new IllegalStateException("there is no spare process");
        }
        forget(taken);
        wanted = false;
        return taken;
    }

    /** Ends it. */
    void kill() {
        if (standby != null) {
            var ended = standby;
            forget(ended);
            ended.kill();
        }
    }

    private void forget(StandbyProcess process) {
        epoll.remove(process.fd());
        epoll.remove(process.process().fd());
        standby = null;
        warm = false;
        warmDue = Time.NEVER;
    }
}
