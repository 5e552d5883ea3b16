package dev.muser.cli;

import dev.muser.linux.PidFd;
import dev.muser.linux.SyscallException;
import dev.muser.server.Loop;
import dev.muser.service.HandoverException;
import dev.muser.service.StandbyProcess;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/**
 * Replaces this process by one of the newest build, while the client goes on: the new one starts
 * and warms up, says that it can read the state, gets all descriptors between two requests, and
 * serves; this one ends. If anything of that fails, this one goes on.
 */
final class Upgrade {
    private static final Duration TO_BUILD_AND_START = Duration.ofMinutes(5);
    private static final Duration TO_ANSWER = Duration.ofSeconds(20);

    /** All the while no request is answered, and a client waits no longer than five. */
    private static final Duration TO_TAKE_OVER = Duration.ofSeconds(2);

    private final KeptProcess process;
    private final Loop loop;
    private final Broker broker;

    Upgrade(KeptProcess process, Loop loop, Broker broker) {
        this.process = process;
        this.loop = loop;
        this.broker = broker;
    }

    /** Does it whenever this process is sent SIGHUP, and says on standard error if it fails. */
    void onHangUp() {
        HangUp.handle(() ->
                Thread.ofPlatform()
                        .daemon()
                        .name("muser-upgrade")
                        .start(() ->
                                System.err.println("muser: not upgraded: " + run().getMessage())));
    }

    /**
     * Does it; returns only when it has failed. Any thread but the loop's.
     *
     * @return why
     */
    synchronized UserError run() {
        if (!process.isKept()) {
            return new UserError("nobody keeps this device: serve it with --keep, or by systemd");
        }
        try (var next = start()) {
            try {
                if (!next.awaitWarm(TO_BUILD_AND_START)) {
                    throw new HandoverException("it did not come up in time");
                }
                var refusal = next.check(process.states(), TO_ANSWER);
                if (refusal != null) {
                    throw new HandoverException(refusal);
                }
                handOver(next);
                throw new HandoverException("it did not take over");
            } catch (HandoverException e) {
                next.kill();
                return new UserError(
                        "the new process cannot go on, and the old one does: " + e.getMessage());
            }
        } catch (SyscallException e) {
            return new UserError("the new process could not be started: " + e.getMessage());
        }
    }

    private StandbyProcess start() {
        return broker.start(JavaCommand.again(), System.getenv(), process.manager().lifeline());
    }

    /** Between two requests, and none is handled afterwards unless this fails. */
    private void handOver(StandbyProcess next) throws HandoverException {
        var failure = new CompletableFuture<Exception>();
        loop.execute(() -> {
            long pid = ProcessHandle.current().pid();
            try (var self = PidFd.open(pid)) {
                next.handOver(process.manager().everything(), TO_TAKE_OVER);
                process.manager().mainPid(next.process().pid());
                next.go(self, pid);
                next.awaitLeaveToEnd();
                self.signal(PidFd.SIGKILL); // the JVM's own end takes ten times as long
            } catch (HandoverException | RuntimeException e) {
                process.manager().mainPid(pid);
                failure.complete(e);
            }
        });
        try {
            throw new HandoverException(String.valueOf(failure.get().getMessage()));
        } catch (InterruptedException | ExecutionException e) {
            throw new HandoverException("interrupted");
        }
    }
}
