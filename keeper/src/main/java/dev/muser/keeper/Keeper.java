package dev.muser.keeper;

import dev.muser.linux.ChildProcess;
import dev.muser.linux.Epoll;
import dev.muser.linux.Errno;
import dev.muser.linux.ExitStatus;
import dev.muser.linux.OpenFiles;
import dev.muser.linux.PidFd;
import dev.muser.linux.Subreaper;
import dev.muser.linux.SyscallException;
import dev.muser.linux.UnixSocket;
import dev.muser.service.HandoverException;
import dev.muser.service.ServiceProcess;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Starts a device process, keeps its descriptors, and starts it anew with them when it dies or
 * hangs. It speaks systemd's protocols: {@code sd_notify(3)}, {@code sd_listen_fds(3)}.
 *
 * <p>Who is heard is the device process alone ({@code NotifyAccess=main}), until it names another
 * in its place ({@code MAINPID=}).
 *
 * <p>One thread, that of {@link #run}, does it all. There is one keeper in a process: it takes the
 * process's signals and its orphans.
 */
public final class Keeper implements AutoCloseable {
    /** Exit code: something that the keeper needs is not to be had. */
    public static final int FAILED = 1;

    /** Exit code: the command line is wrong. */
    public static final int USAGE = 2;

    /** Exit code: the device process died too often. */
    public static final int GAVE_UP = 3;

    /** Exit code of a device process that cannot go on from what is kept: none could. */
    public static final int UNREADABLE = 4;

    private static final long NOTIFY = 1;
    private static final long SIGNAL = 2;
    private static final long DEVICE = 3;
    private static final long SPARE_WORD = 4;
    private static final long SPARE_END = 5;
    private static final long RETIRED = 6;

    /** Messages in one turn, so that nobody keeps the loop from the rest. */
    private static final int TURN = 64;

    /** Messages that a dead process may have left: far more than Linux queues. */
    private static final int LEGACY = 65_536;

    /** How many it and its JVM open themselves, generously. */
    private static final int OWN_DESCRIPTORS = 48;

    /** A shell's codes for a program that cannot be executed. */
    private static final int NO_PROGRAM = 126;

    private final Options options;
    private final Map<String, String> environment;
    private final NotifyListener listener = new NotifyListener();
    private final Signals signals = new Signals();
    private final UnixSocket[] lifeline = UnixSocket.pair();
    private final Epoll epoll = new Epoll(16);
    private final Store store;
    private final Spare spare;
    private final Deaths deaths;
    private final Retired retired = new Retired(epoll, RETIRED);
    private @Nullable DeviceProcess device;
    private List<String> command;
    private boolean everReady;
    private boolean told; // to end
    private long startDue = Time.NEVER;
    private int code = -1;

    /**
     * Prepares a keeper; {@link #run} starts the device process.
     *
     * @throws SyscallException EMFILE when the limit of open files leaves no room to keep any
     */
    public Keeper(Options options) {
        this.options = options;
        command = options.command();
        // what it promises to keep it must be able to open, besides its own
        int room = (int) Math.min(options.capacity(), OpenFiles.limit() - OWN_DESCRIPTORS);
        if (room < 1) {
            throw new SyscallException(
                    "keep descriptors: the limit of open files is too low (ulimit -n)",
                    Errno.EMFILE);
        }
        store = new Store(listener, room);
        deaths = new Deaths(options.deaths(), options.within().toNanos());
        environment = new HashMap<>(options.environment());
        environment.put("NOTIFY_SOCKET", listener.address());
        environment.put("FDSTORE", Integer.toString(room));
        environment.remove("WATCHDOG_USEC");
        if (!options.watchdog().isZero()) {
            environment.put("WATCHDOG_USEC", Long.toString(options.watchdog().toNanos() / 1000));
        }
        spare = new Spare(options, environment, lifeline[1].fd(), epoll, SPARE_WORD, SPARE_END);
        epoll.add(listener.fd(), Epoll.IN, NOTIFY);
        epoll.add(signals.fd(), Epoll.IN, SIGNAL);
    }

    /**
     * Runs until the device process has ended for good, and leaves no process behind.
     *
     * @return the exit code: the device process's own when it ended by itself or was told to, 128
     *     and its signal's number when it was ended; {@link #GAVE_UP}
     * @throws SyscallException when the device process cannot be started
     */
    public int run() {
        Subreaper.become();
        startCold();
        while (code < 0) {
            int events = epoll.await(Time.milliseconds(due()));
            for (int i = 0; i < events && code < 0; i++) {
                long token = epoll.token(i);
                if (token == NOTIFY) {
                    listen(TURN);
                } else if (token == SIGNAL) {
                    takeSignals();
                } else if (token == DEVICE) {
                    lookAtDevice();
                } else if (token == RETIRED) {
                    retired.look();
                } else {
                    spare.look();
                }
            }
            if (code < 0) {
                reapOrphans();
                doWhatIsDue();
            }
        }
        return code;
    }

    private long due() {
        long due = Math.min(Math.min(startDue, spare.due()), retired.due());
        return device == null ? due : Math.min(due, device.due());
    }

    private void doWhatIsDue() {
        long now = Time.now();
        if (device != null && device.due() <= now) {
            listen(LEGACY); // it may have said by now what it is waited for
            var overdue = device == null ? null : device.overdue();
            if (device != null && overdue != null) {
                Words.say("the device process ", overdue, ": killed");
                device.kill();
            }
        }
        if (startDue <= now) {
            startDue = Time.NEVER;
            start();
        }
        if (spare.due() <= now) {
            spare.look();
        }
        if (retired.due() <= now) {
            retired.look();
        }
    }

    private void listen(int most) {
        for (int i = 0; i < most && listener.next(); i++) {
            var current = device;
            var said = current == null ? null : listener.from(current.process().pid());
            if (current != null && said != null) {
                hear(current, said);
            }
            listener.done();
        }
    }

    private void hear(DeviceProcess from, Notification said) {
        store.hear(said);
        from.hear(said);
        if (said.ready && from.isReady()) {
            everReady = true;
            spare.want();
        }
        if (said.deathsForgiven) {
            deaths.forget();
        }
        if (said.mainPid != Notification.NONE) {
            follow(from, said.mainPid);
        }
    }

    /** Another process goes on in the place of the one that says so. */
    private void follow(DeviceProcess old, long pid) {
        if (pid == old.process().pid()) {
            return;
        }
        try {
            var next = ChildProcess.of(pid);
            if (pid == spare.pid() || !Ancestry.isBelow(pid, ProcessHandle.current().pid())) {
                next.close();
                Words.say("MAINPID=", Words.number(pid), " is none of this keeper's: not followed");
                return;
            }
            epoll.remove(old.process().fd());
            retired.add(old.process(), options.stopTimeout());
            watch(next);
            var ofNext = CommandLine.of(pid);
            if (!ofNext.isEmpty()) {
                command = ofNext; // an upgrade is not to be lost with the next death
                spare.command(ofNext);
            }
            spare.renew();
        } catch (SyscallException e) {
            Words.say("MAINPID=", Words.number(pid), " is not followed: " + e.getMessage());
        }
    }

    private void watch(ChildProcess process) {
        device = new DeviceProcess(process, options);
        epoll.add(process.fd(), Epoll.IN, DEVICE);
        if (told) {
            device.stop();
        }
    }

    private void takeSignals() {
        int stops = signals.takeStops();
        var current = device;
        if (signals.takeHangUp() && current != null) {
            current.process().signal(PidFd.SIGHUP);
        }
        if (stops == 0) {
            return;
        }
        if (current == null) {
            code = 0; // between two lives
        } else if (!told) {
            told = true;
            current.stop();
        } else {
            current.kill();
        }
    }

    private void lookAtDevice() {
        listen(LEGACY); // its last words count, and may name a successor
        var current = device;
        var status = current == null ? null : current.process().poll();
        if (current == null || status == null) {
            return;
        }
        epoll.remove(current.process().fd());
        current.process().close();
        device = null;
        if (told || current.isStopping() || status.isSuccess()) {
            code = status.shellCode();
        } else if (status.code() == UNREADABLE
                || (!everReady && (status.code() == USAGE || isNoProgram(status)))) {
            code = status.code(); // it, or the shell, has said why
        } else {
            startAgain(status.toString(), current.isSteady());
        }
    }

    private static boolean isNoProgram(ExitStatus status) {
        return status.code() == NO_PROGRAM || status.code() == NO_PROGRAM + 1;
    }

    private void startAgain(String why, boolean steady) {
        long pause = deaths.record(Time.now(), steady);
        if (pause == Deaths.GIVE_UP) {
            Words.say(
                    "gave up: the device process died ",
                    Words.number(options.deaths()),
                    " times within ",
                    Words.time(options.within().toNanos()),
                    ", the last time by ",
                    why);
            code = GAVE_UP;
            return;
        }
        Words.say(
                "the device process died (",
                why,
                "): goes on with ",
                Words.number(store.size()),
                " descriptors",
                pause == 0 ? "" : " in ".concat(Words.time(pause)));
        if (pause == 0) {
            start();
        } else {
            startDue = Time.in(pause);
        }
    }

    private void start() {
        // two processes with one store would be the end of it
        retired.kill();
        if (spare.isWarm() && handOver()) {
            return;
        }
        try {
            startCold();
        } catch (SyscallException e) {
            startAgain(String.valueOf(e.getMessage()), false);
        }
    }

    private void startCold() {
        watch(ServiceProcess.start(command, environment, store.all(), null, lifeline[1].fd()));
    }

    private boolean handOver() {
        var standby = spare.take();
        try {
            standby.handOver(store.all(), options.handoverTimeout());
            standby.go(); // it is dead
        } catch (HandoverException e) {
            standby.kill();
            spare.failed(e.getMessage());
            return false;
        }
        standby.close();
        watch(standby.process());
        return true;
    }

    /** Takes those off the system's list that nobody else here waits for. */
    private void reapOrphans() {
        for (long pid = Subreaper.endedChild(); pid != 0; pid = Subreaper.endedChild()) {
            boolean mine =
                    (device != null && pid == device.process().pid())
                            || pid == spare.pid()
                            || retired.has(pid);
            if (mine) {
                return; // its end is news, which epoll brings
            }
            Subreaper.reap(pid);
        }
    }

    /** Ends what is left of the processes, and closes all descriptors. */
    @Override
    public void close() {
        spare.kill();
        retired.kill();
        var current = device;
        if (current != null) {
            current.kill();
            current.process().close();
        }
        store.close();
        for (var end : List.of(lifeline)) {
            end.close();
        }
        listener.close();
        signals.close();
        epoll.close();
    }
}
