package dev.muser.service;

import dev.muser.linux.Fd;
import dev.muser.linux.MonotonicClock;
import dev.muser.linux.SyscallException;
import dev.muser.linux.UnixListener;
import dev.muser.linux.UnixSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Who started this process and looks after it, as its environment tells: systemd, Muser's keeper,
 * or nobody. This process cannot tell the first two apart and need not.
 *
 * <p>Of what is said to the manager nothing fails when there is none, or when it is gone. Any
 * thread may call; there is one of these in a process.
 */
public final class ServiceManager implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger("dev.muser.service");

    /** How long a message waits while the manager does not take any. */
    private static final Duration PATIENCE = Duration.ofSeconds(2);

    private final @Nullable NotifySocket socket;
    private final @Nullable KeptDescriptors kept;
    private final Duration watchdog;
    private final @Nullable Fd lifeline;
    private final @Nullable Standby standby;
    private final List<NamedDescriptor> listening = new ArrayList<>();

    private ServiceManager(Map<String, String> environment, long pid) {
        var address = environment.get("NOTIFY_SOCKET");
        socket = address == null || address.isEmpty() ? null : new NotifySocket(address, PATIENCE);
        int capacity = (int) Math.min(Integer.MAX_VALUE, number(environment, "FDSTORE"));
        kept = socket == null || capacity == 0 ? null : new KeptDescriptors(socket, capacity);
        watchdog = watchdog(environment, pid);
        boolean mine = Long.toString(pid).equals(environment.get(ServiceProcess.LISTEN_PID));
        lifeline = mine ? adopt(environment, ServiceProcess.LIFELINE) : null;
        var end = mine ? adopt(environment, ServiceProcess.STANDBY) : null;
        standby = end == null ? null : new Standby(UnixSocket.adopt(end), this::takeOver);
    }

    /**
     * Reads the environment, and takes ownership of the descriptors that came with it. Once in a
     * process.
     *
     * @throws IllegalArgumentException when the variables contradict themselves
     * @throws SyscallException when a descriptor that they promise is not there
     */
    public static ServiceManager fromEnvironment() {
        return of(System.getenv(), ProcessHandle.current().pid());
    }

    /** Returns that of a process that nobody looks after. */
    public static ServiceManager none() {
        return of(Map.of(), 0);
    }

    static ServiceManager of(Map<String, String> environment, long pid) {
        // they are first: what goes wrong with them leaves nothing open
        var inherited = InheritedDescriptors.take(environment, pid);
        var manager = new ServiceManager(environment, pid);
        manager.takeOver(inherited);
        return manager;
    }

    private static @Nullable Fd adopt(Map<String, String> environment, String variable) {
        if (!environment.containsKey(variable)) {
            return null;
        }
        var fd = Fd.adopt((int) number(environment, variable));
        fd.inheritable(false);
        return fd;
    }

    private static Duration watchdog(Map<String, String> environment, long pid) {
        var whose = environment.get(ServiceProcess.WATCHDOG_PID);
        if (whose != null && !whose.equals(Long.toString(pid))) {
            return Duration.ZERO;
        }
        return Duration.ofNanos(
                Math.min(Long.MAX_VALUE / 1000, number(environment, "WATCHDOG_USEC")) * 1000);
    }

    /** Returns the number that a variable has, 0 when it is not there. */
    private static long number(Map<String, String> environment, String variable) {
        var text = environment.get(variable);
        if (text == null || text.isEmpty()) {
            return 0;
        }
        try {
            return Long.parseUnsignedLong(text) < 0 ? Long.MAX_VALUE : Long.parseLong(text);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    "%s=%s: not a number; whoever started this process set it"
                            .formatted(variable, text),
                    e);
        }
    }

    private synchronized void takeOver(List<NamedDescriptor> descriptors) {
        for (var each : descriptors) {
            var name = each.name();
            if (kept != null && name.startsWith(DescriptorNames.STORED) && name.length() > 1) {
                kept.adopt(name.substring(1), each.fd());
            } else if (isListening(each.fd())) {
                listening.add(each);
            } else {
                LOG.log(
                        System.Logger.Level.WARNING,
                        "closed descriptor {0} of the service manager: nothing is known of it",
                        name);
                each.fd().close();
            }
        }
    }

    private static boolean isListening(Fd fd) {
        try {
            return UnixListener.isListening(fd);
        } catch (SyscallException e) {
            return false;
        }
    }

    /** Whether somebody looks after this process. */
    public boolean isPresent() {
        return socket != null;
    }

    /** Returns the store for descriptors that outlive this process. */
    public DescriptorStore store() {
        return kept == null ? DescriptorStore.NONE : kept;
    }

    /**
     * Returns the listening sockets that this process was started with, such as those of a socket
     * unit, and their names. They stay this object's, which passes them on with {@link
     * #everything}.
     */
    public synchronized List<NamedDescriptor> listening() {
        return List.copyOf(listening);
    }

    /**
     * Returns what a successor takes over: all of the store and the listening sockets. They stay
     * this object's.
     */
    public synchronized List<NamedDescriptor> everything() {
        var everything = new ArrayList<>(listening);
        if (kept != null) {
            everything.addAll(kept.all());
        }
        return everything;
    }

    /** Returns how this process comes to go on where another stops; null when it simply starts. */
    public @Nullable Standby standby() {
        return standby;
    }

    /**
     * Returns a descriptor that can be read, and is at its end of stream, once the keeper is dead:
     * this process should then end, since nobody can look after it any more. Null when systemd, or
     * nobody, looks after it.
     */
    public @Nullable Fd lifeline() {
        return lifeline;
    }

    /**
     * Returns the time within which {@link #watchdog} must be called again and again; zero when
     * nobody waits for it. Call it twice as often.
     */
    public Duration watchdogInterval() {
        return watchdog;
    }

    /** Says that this process serves, after its start or after {@link #reloading}. */
    public void ready(String status) {
        tell("READY=1\nSTATUS=" + line(status));
    }

    /** Says that this process does not take requests while it reloads; {@link #ready} follows. */
    public void reloading() {
        tell("RELOADING=1\nMONOTONIC_USEC=" + MonotonicClock.microseconds());
    }

    /** Says that this process is about to end, and is not to be restarted. */
    public void stopping() {
        tell("STOPPING=1");
    }

    /** Says in words how this process fares. */
    public void status(String text) {
        tell("STATUS=" + line(text));
    }

    /** Says that process {@code pid} goes on in the place of this one, which is about to end. */
    public void mainPid(long pid) {
        tell("MAINPID=" + pid);
    }

    /** Says that this process is alive. */
    public void watchdog() {
        tell("WATCHDOG=1");
    }

    /** A line break would begin another variable; systemd takes some 4,000 bytes. */
    private static String line(String text) {
        var line = text.replace('\n', ' ');
        return line.length() > 1000 ? line.substring(0, 1000) : line;
    }

    private void tell(String message) {
        if (socket == null) {
            return;
        }
        try {
            socket.send(message, List.of());
        } catch (SyscallException e) {
            LOG.log(System.Logger.Level.WARNING, "not said: {0}", e.getMessage());
        }
    }

    /** Closes what this process has of it; what the manager keeps, it keeps. */
    @Override
    public synchronized void close() {
        if (kept != null) {
            kept.close();
        }
        listening.forEach(each -> each.fd().close());
        listening.clear();
        if (socket != null) {
            socket.close();
        }
        if (lifeline != null) {
            lifeline.close();
        }
        if (standby != null) {
            standby.close();
        }
    }
}
