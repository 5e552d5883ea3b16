package dev.muser.conform;

import dev.muser.linux.SyscallException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Runs cases against a server, whoever wrote it.
 *
 * <p>Cases that can share a connection come first, so that a server which ends with its first
 * client is tested as far as it can be. A connection that was lost, or is out of step, is replaced;
 * when none can be had, the remaining cases are {@link Outcome#NOT_RUN}. Not thread-safe.
 */
public final class Conformance {
    private static final Case QUERIES =
            new Section("session")
                    .must(
                            "queries",
                            "the device says what it is: regions, interrupts, features",
                            Queries::run)
                    .cases()
                    .getFirst();

    private final ConformanceOptions options;
    private final Connector connector;
    private final Path socket;
    private final Consumer<CaseResult> listener;
    private final Device device = new Device();
    private @Nullable Wire shared;
    private @Nullable String noConnection;
    private @Nullable String noSession;

    /** Prepares to run cases against the server at {@code socket}. */
    public Conformance(Path socket, ConformanceOptions options, Consumer<CaseResult> listener) {
        this.socket = socket;
        this.options = options;
        this.connector = new Connector(socket, options.timeout());
        this.listener = listener;
    }

    /** Returns all cases there are, by section. */
    public static List<Case> cases() {
        return Stream.concat(Stream.of(QUERIES), Catalogue.cases().stream()).toList();
    }

    /**
     * Runs all that are selected. Each result goes to the listener when it is there.
     *
     * @throws SyscallException when there is no server to begin with: ENOENT, ECONNREFUSED, EACCES;
     *     EAGAIN when it does not accept clients
     */
    public Report run() {
        var results = new ArrayList<CaseResult>();
        var first = connector.connectNow();
        shared = first;
        try {
            var queries = run(QUERIES);
            if (!device.negotiated) {
                noSession("no session: " + queries.reason(), first);
            }
            if (options.selects(QUERIES) || queries.outcome() == Outcome.FAILED) {
                tell(queries, results);
            }
            var selected = Catalogue.cases().stream().filter(options::selects).toList();
            for (var each : selected) {
                if (!each.needsOwnConnection()) {
                    tell(run(each), results);
                }
            }
            closeShared();
            for (var each : selected) {
                if (each.needsOwnConnection() && !options.oneConnection()) {
                    tell(run(each), results);
                }
            }
        } finally {
            closeShared();
        }
        var order = cases();
        results.sort(Comparator.comparingInt(result -> order.indexOf(result.about())));
        return new Report(socket, results);
    }

    private void tell(CaseResult result, List<CaseResult> results) {
        results.add(result);
        listener.accept(result);
    }

    private CaseResult run(Case which) {
        long start = System.nanoTime();
        var wire = wire(which);
        if (wire == null) {
            var reason = noConnection != null ? noConnection : noSession;
            return result(which, Outcome.NOT_RUN, reason, List.of(), start);
        }
        var trial = new Trial(wire, connector, device);
        var outcome = Outcome.PASSED;
        var reason = "";
        try (trial) {
            try {
                which.run(trial);
                if (!trial.notes().isEmpty()) {
                    outcome = Outcome.NOTED;
                    reason = String.join("; ", trial.notes());
                }
            } catch (NotOffered e) {
                outcome = Outcome.NOT_OFFERED;
                reason = String.valueOf(e.getMessage());
            } catch (Failed | Lost e) {
                outcome = which.level() == Level.MUST ? Outcome.FAILED : Outcome.NOTED;
                reason = String.valueOf(e.getMessage());
                if (e instanceof Lost) {
                    trial.events().add(new Event(Event.Kind.FAILED, reason, ""));
                }
            } catch (SyscallException e) { // no further connection was to be had
                outcome = Outcome.NOT_RUN;
                reason = noConnection(e);
                noConnection = reason;
            }
        }
        if (which.needsOwnConnection()) {
            trial.wire().close();
        } else if (outcome != Outcome.PASSED && !inStep(wire)) {
            closeShared();
        }
        return result(which, outcome, reason, trial.events(), start);
    }

    private static CaseResult result(
            Case which, Outcome outcome, @Nullable String reason, List<Event> events, long start) {
        return new CaseResult(
                which,
                outcome,
                reason == null ? "" : reason,
                events,
                Duration.ofNanos(System.nanoTime() - start));
    }

    /** Returns a connection as the case needs it, or null: then it is written down why. */
    private @Nullable Wire wire(Case which) {
        boolean shares = which.setup() == Case.Setup.SHARED;
        boolean raw = which.setup() == Case.Setup.RAW;
        if (noConnection != null || (noSession != null && !raw)) {
            return null;
        }
        if (shares && shared != null) {
            return shared;
        }
        try {
            var wire = connector.connect();
            if (!raw && !negotiate(wire)) {
                return null;
            }
            if (shares) {
                shared = wire;
            }
            return wire;
        } catch (SyscallException e) {
            noConnection = noConnection(e);
            return null;
        }
    }

    private static String noConnection(SyscallException e) {
        return ("no connection any more (%s): the server has ended, or does not listen again after"
                        + " its client")
                .formatted(e.getMessage());
    }

    /** Agrees on a version; a server that no longer does so will not do so later. */
    private boolean negotiate(Wire wire) {
        try {
            new Trial(wire, connector, device).negotiate();
            return true;
        } catch (Failed | Lost e) {
            noSession("no session any more: to VERSION, " + e.getMessage(), wire);
            wire.close();
            return false;
        }
    }

    /** Without a session, what begins before VERSION can be run, unless nothing is answered. */
    private void noSession(String reason, Wire wire) {
        noSession = reason;
        if (wire.silent()) {
            noConnection = reason;
        }
    }

    /** Whether the next reply will be that to the next request, also after replies too many. */
    private boolean inStep(Wire wire) {
        if (!wire.usable()) {
            return false;
        }
        try {
            wire.patience(options.timeout());
            int id = wire.nextId();
            wire.send(
                    Requests.message(id, Command.GET_INFO, 0, Requests.info(16).get()), List.of());
            for (int i = 0; i < 8; i++) {
                var message = wire.receive();
                if (message.id() == id && message.isReply()) {
                    return true;
                }
            }
        } catch (Lost e) {
            return false;
        }
        return false;
    }

    private void closeShared() {
        if (shared != null) {
            shared.close();
            shared = null;
        }
    }
}
