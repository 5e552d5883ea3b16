package dev.muser.keeper;

import dev.muser.linux.ChildProcess;
import dev.muser.linux.Epoll;
import dev.muser.linux.PidFd;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Processes that have a successor, and are about to end. */
final class Retired {
    private static final Duration LONG = Duration.ofSeconds(10);

    private final Epoll epoll;
    private final long token;
    private final List<ChildProcess> processes = new ArrayList<>();
    private long due = Time.NEVER;

    /**
     * @param token comes from {@code epoll} when one has ended
     */
    Retired(Epoll epoll, long token) {
        this.epoll = epoll;
        this.token = token;
    }

    /** Takes one that is to end in time. */
    void add(ChildProcess process, Duration time) {
        processes.add(process);
        epoll.add(process.fd(), Epoll.IN, token);
        due = Math.min(due, Time.in(time));
    }

    boolean has(long pid) {
        for (var process : processes) {
            if (process.pid() == pid) {
                return true;
            }
        }
        return false;
    }

    /** Returns when {@link #look} is to be called. */
    long due() {
        return due;
    }

    /** Forgets those that have ended; kills the others when their time is over. */
    void look() {
        for (int i = processes.size() - 1; i >= 0; i--) {
            if (processes.get(i).poll() != null) {
                forget(i);
            }
        }
        if (due <= Time.now()) {
            Words.say("the process before this one does not come to an end: killed");
            kill();
        }
        if (processes.isEmpty()) {
            due = Time.NEVER;
        }
    }

    /** Ends them, and waits for it. */
    void kill() {
        for (int i = processes.size() - 1; i >= 0; i--) {
            processes.get(i).signal(PidFd.SIGKILL);
            processes.get(i).await(LONG);
            forget(i);
        }
        due = Time.NEVER;
    }

    private void forget(int index) {
        var process = processes.remove(index);
        epoll.remove(process.fd());
        process.close();
    }
}
