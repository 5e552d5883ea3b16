package dev.muser.service;

import static dev.muser.service.HandoverChannel.deadline;

import dev.muser.linux.ChildProcess;
import dev.muser.linux.Fd;
import dev.muser.linux.MessageSender;
import dev.muser.linux.PidFd;
import dev.muser.linux.Poll;
import dev.muser.linux.UnixSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A process that waits to go on where another stops, from the side of the one who started it: a
 * keeper, or the process that is to be replaced. In the process itself it is {@link Standby}.
 *
 * <p>It is started, says when it is warm, may be asked whether it can read what it would take over,
 * is handed everything, and says that it could go on; until {@link #go} it does nothing, and can
 * still be killed. Owned by one thread. None of the methods waits longer than it is told to.
 */
public final class StandbyProcess implements AutoCloseable {
    private final ChildProcess process;
    private final HandoverChannel channel;
    private boolean warm;

    StandbyProcess(ChildProcess process, HandoverChannel channel) {
        this.process = process;
        this.channel = channel;
    }

    /**
     * Starts one.
     *
     * @param environment all of its environment
     * @param lifeline see {@link ServiceManager#lifeline}; stays the caller's
     * @throws dev.muser.linux.SyscallException as of {@link ServiceProcess#start}
     */
    public static StandbyProcess start(
            List<String> command, Map<String, String> environment, @Nullable Fd lifeline) {
        var ends = UnixSocket.pair();
        try (var theirs = ends[1]) {
            var process =
                    ServiceProcess.start(command, environment, List.of(), theirs.fd(), lifeline);
            return new StandbyProcess(process, new HandoverChannel(ends[0]));
        } catch (RuntimeException e) {
            ends[0].close();
            throw e;
        }
    }

    public ChildProcess process() {
        return process;
    }

    /** Returns the descriptor that can be read when there is news: see {@link #isWarm}. */
    public Fd fd() {
        return channel.socket().fd();
    }

    /**
     * Whether it has said that it is warm. Looks for the word, without waiting.
     *
     * @throws HandoverException when it is gone, or could not start; kill it
     */
    public boolean isWarm() throws HandoverException {
        return awaitWarm(Duration.ZERO);
    }

    /** As {@link #isWarm}, waiting for the word. */
    public boolean awaitWarm(Duration timeout) throws HandoverException {
        if (Poll.await(fd(), Poll.IN, warm ? Duration.ZERO : timeout)) {
            // the rest of a message whose beginning is here is on its way
            expect(HandoverChannel.WARM, deadline(Duration.ofSeconds(1)));
            warm = true;
        }
        return warm;
    }

    /**
     * Asks whether it can read these files, for which it gets descriptors that cannot write.
     *
     * @param files not sockets, nor eventfds
     * @return null when it can, else why not
     * @throws HandoverException when it does not answer in time, or is gone
     */
    public @Nullable String check(List<NamedDescriptor> files, Duration timeout)
            throws HandoverException {
        long deadline = deadline(timeout);
        var readers = new ArrayList<NamedDescriptor>();
        try {
            for (var each : files) {
                readers.add(new NamedDescriptor(each.name(), each.fd().reopenForReading()));
            }
            sendAll(HandoverChannel.CHECK, readers, deadline);
        } finally {
            readers.forEach(reader -> reader.fd().close());
        }
        channel.send(HandoverChannel.END, "", deadline);
        var answer = channel.receive(deadline);
        answer.close();
        return switch (answer.kind()) {
            case HandoverChannel.FITS -> null;
            case HandoverChannel.REFUSED -> answer.text();
            default -> throw unexpected(answer.kind());
        };
    }

    /**
     * Gives it everything, and waits for its word that it could go on. Its word binds nobody: it
     * waits for {@link #go}.
     *
     * @param everything stays the caller's
     * @throws HandoverException when it refuses, does not answer in time, or is gone; kill it
     */
    public void handOver(List<NamedDescriptor> everything, Duration timeout)
            throws HandoverException {
        long deadline = deadline(timeout);
        sendAll(HandoverChannel.PART, everything, deadline);
        channel.send(HandoverChannel.END, "", deadline);
        expect(HandoverChannel.TAKEN, deadline);
    }

    private void sendAll(int kind, List<NamedDescriptor> all, long deadline)
            throws HandoverException {
        int from = 0;
        do {
            int to = Math.min(all.size(), from + MessageSender.MAX_DESCRIPTORS);
            channel.send(kind, all.subList(from, to), deadline);
            from = to;
        } while (from < all.size());
    }

    /**
     * Lets it go on. From here on it is the one.
     *
     * <p>For when the process in whose place it goes on is dead.
     *
     * @throws HandoverException when it is gone
     */
    public void go() throws HandoverException {
        channel.send(HandoverChannel.GO, "", deadline(Duration.ofSeconds(1)));
    }

    /**
     * As {@link #go()}, when the process in whose place it goes on has stopped, and ends after
     * {@link #awaitLeaveToEnd}.
     *
     * @param predecessor that process; stays the caller's
     */
    public void go(PidFd predecessor, long pid) throws HandoverException {
        channel.send(
                HandoverChannel.GO,
                List.of(new NamedDescriptor(Long.toString(pid), predecessor.fd())),
                deadline(Duration.ofSeconds(1)));
    }

    /**
     * Waits until it lets the process before it end: the end of a process takes CPUs that the
     * client's next answers need. Not for long, and no longer than it lives.
     */
    public void awaitLeaveToEnd() {
        var _ = Poll.await(fd(), Poll.IN, Predecessor.PATIENCE);
    }

    /** Kills it, waits for its end, and closes this. */
    public void kill() {
        process.signal(PidFd.SIGKILL);
        process.await(Duration.ofSeconds(10));
        close();
        process.close();
    }

    private void expect(int kind, long deadline) throws HandoverException {
        var message = channel.receive(deadline);
        message.close();
        if (message.kind() == HandoverChannel.REFUSED) {
            throw new HandoverException(message.text());
        }
        if (message.kind() != kind) {
            throw unexpected(message.kind());
        }
    }

    private static HandoverException unexpected(int kind) {
        return new HandoverException("the standby process says what was not asked: " + kind);
    }

    /** Closes the channel to it, at which it ends unless it has been let go on. */
    @Override
    public void close() {
        channel.close();
    }
}
