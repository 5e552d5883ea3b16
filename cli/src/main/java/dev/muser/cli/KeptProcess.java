package dev.muser.cli;

import dev.muser.device.EventLoop;
import dev.muser.device.state.StateMismatchException;
import dev.muser.linux.Fd;
import dev.muser.server.Loop;
import dev.muser.service.DescriptorStore;
import dev.muser.service.HandoverException;
import dev.muser.service.NamedDescriptor;
import dev.muser.service.Predecessor;
import dev.muser.service.ServiceManager;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * This process as one that serves devices for somebody who keeps them: systemd, Muser's keeper, or
 * nobody.
 */
final class KeptProcess implements AutoCloseable {
    private static final String STATE = ".state";

    /** So long a client's first accesses, and the compilers, have the CPUs. */
    private static final Duration FIRST_ANSWERS = Duration.ofMillis(100);

    private final ServiceManager manager;
    private final boolean goesOn;
    private @Nullable Predecessor predecessor;

    private KeptProcess(ServiceManager manager) {
        this.manager = manager;
        goesOn = !manager.store().names().isEmpty() || manager.standby() != null;
    }

    /**
     * Finds out who keeps it.
     *
     * @throws UserError when what the environment says cannot be
     */
    static KeptProcess fromEnvironment() {
        try {
            return new KeptProcess(ServiceManager.fromEnvironment());
        } catch (RuntimeException e) {
            throw new UserError(
                    "who started this process gave it what it cannot use: " + e.getMessage());
        }
    }

    /** Returns a process that nobody keeps, whatever its environment says. */
    static KeptProcess alone() {
        return new KeptProcess(ServiceManager.none());
    }

    ServiceManager manager() {
        return manager;
    }

    /** Whether devices outlive this process. */
    boolean isKept() {
        return manager.store().isKept();
    }

    /** Whether it goes on where another stopped, and so has nothing to say to the user. */
    boolean goesOn() {
        return goesOn;
    }

    /** Returns the process in whose place this one goes on, if that may not have ended. */
    @Nullable Predecessor predecessor() {
        return predecessor;
    }

    /**
     * Waits until the process before has ended, which the client does not wait for: it has been
     * answered by then.
     */
    void awaitPredecessor() {
        if (predecessor != null) {
            predecessor.leave(FIRST_ANSWERS);
            predecessor.awaitEnd();
        }
    }

    /** Whether it waits to go on where another process stops. */
    boolean isStandby() {
        return manager.standby() != null;
    }

    /** Returns what is kept for the device of that number. */
    DescriptorStore store(int device) {
        return manager.store().under(prefix(device));
    }

    private static String prefix(int device) {
        return "d" + device + ".";
    }

    /** Returns the socket that a socket unit gave for the device of that number; null for none. */
    @Nullable Fd listening(int device) {
        var all = manager.listening();
        return device < all.size() ? all.get(device).fd().duplicate() : null;
    }

    /**
     * Waits, in a standby process, until it is to go on. Otherwise returns at once.
     *
     * @param loop on whose thread devices are checked
     * @param check throws {@link StateMismatchException} when the device of that number cannot be
     *     gone on with from that state
     * @return false when this process is not needed
     */
    boolean awaitTurn(Loop loop, BiConsumer<Integer, Fd> check) {
        var standby = manager.standby();
        if (standby == null) {
            return true;
        }
        try {
            standby.warm();
            standby.await(states -> check(loop, states, check));
            predecessor = standby.confirm();
            return true;
        } catch (HandoverException e) {
            return false;
        }
    }

    private static @Nullable String check(
            Loop loop, Map<String, Fd> states, BiConsumer<Integer, Fd> check) {
        for (var state : states.entrySet()) {
            int number = number(state.getKey());
            if (number >= 0) {
                try {
                    loop.call(() -> {
                        check.accept(number, state.getValue());
                        return true;
                    });
                } catch (StateMismatchException e) {
                    return e.getMessage();
                }
            }
        }
        return null;
    }

    /** Returns which device's state it is that is kept under {@code name}; -1 when it is none. */
    private static int number(String name) {
        int begin = name.indexOf('d') + 1;
        if (begin == 0 || !name.endsWith(STATE)) {
            return -1;
        }
        try {
            return Integer.parseInt(name, begin, name.length() - STATE.length(), 10);
        } catch (NumberFormatException e) {
            return -1;
        }
    }

    /** Returns what a successor is asked whether it can read. */
    List<NamedDescriptor> states() {
        return manager.everything().stream().filter(each -> number(each.name()) >= 0).toList();
    }

    /** Says that it serves, and from now on that it is alive. */
    void serving(Loop loop, String status) {
        manager.ready(status);
        var interval = manager.watchdogInterval();
        if (!interval.isZero()) {
            loop.execute(
                    new Runnable() {
                        private final EventLoop.Timer timer = loop.timer(this);

                        @Override
                        public void run() {
                            manager.watchdog();
                            timer.arm(interval.toNanos() / 2);
                        }
                    });
        }
        var lifeline = manager.lifeline();
        if (lifeline != null) {
            // Nobody could start it again: it ends as if it had been told to.
            loop.execute(() -> {
                var _ = loop.watch(lifeline, KeptProcess::end);
            });
        }
    }

    private static void end() {
        Thread.ofPlatform().daemon().start(() -> System.exit(ExitCode.OK));
    }

    /**
     * Whether, when this process is told to end, its devices are for the next: systemd ends it also
     * to start it again, and closes what it keeps when there is no next.
     */
    boolean leavesDevices() {
        return isKept() && manager.lifeline() == null;
    }

    @Override
    public void close() {
        if (predecessor != null) {
            predecessor.close();
        }
        manager.close();
    }
}
