package dev.muser.devices.storage.nbd;

import dev.muser.linux.Errno;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The connections to one server, and who of them has which command. Commands of a connection that
 * is lost are sent again, by another one or when one is back: doing them twice does no harm.
 *
 * <p>All methods may be called by any thread; none but {@link #take} and {@link #pause}, which are
 * for the connections' own threads, and {@link #down} wait for anything.
 */
final class NbdLinks {
    private final NbdUri uri;
    private final NbdOptions options;

    private final ReentrantLock lock = new ReentrantLock();

    /** A sending thread is between commands. */
    private final Condition written = lock.newCondition();

    /** The end has come, for those that pause. */
    private final Condition ending = lock.newCondition();

    private final NbdConnection[] connections;

    /** By index. */
    private final @Nullable NbdCommand[] commands;

    private final ArrayDeque<NbdCommand> parked = new ArrayDeque<>();
    private final ArrayDeque<NbdCommand> finished = new ArrayDeque<>();
    private volatile boolean anyFinished;
    private Runnable news = () -> {};

    private final NbdHealth health;
    private @Nullable NbdExport export;
    private long cookies;
    private volatile boolean closing;

    NbdLinks(NbdUri uri, NbdOptions options, int commandCount) {
        this.uri = uri;
        this.options = options;
        health = new NbdHealth(uri.text(), options.reconnectTime());
        commands = new NbdCommand[commandCount];
        connections = new NbdConnection[options.connections()];
        for (int i = 0; i < connections.length; i++) {
            connections[i] = new NbdConnection(this, lock.newCondition());
        }
    }

    NbdUri uri() {
        return uri;
    }

    NbdOptions options() {
        return options;
    }

    boolean isClosing() {
        return closing;
    }

    NbdConnection connection(int number) {
        return connections[number];
    }

    /** Has {@code newNews} run when commands are finished, on any thread; it must not wait. */
    void onFinished(Runnable newNews) {
        lock.lock();
        try {
            news = newNews;
        } finally {
            lock.unlock();
        }
    }

    // --- The loop's side

    void send(NbdCommand command) {
        lock.lock();
        try {
            commands[command.index] = command;
            route(command);
        } finally {
            lock.unlock();
        }
    }

    private void route(NbdCommand command) {
        command.connection = null;
        NbdConnection best = null;
        for (var connection : connections) {
            if (connection.up && (best == null || connection.load < best.load)) {
                best = connection;
            }
        }
        if (health.hasFailed() || closing || (best == null && health.hasGivenUp())) {
            finish(command, Errno.EIO);
        } else if (best == null) {
            parked.add(command);
        } else {
            best.add(command);
        }
    }

    private void finish(NbdCommand command, int errno) {
        var by = command.connection;
        if (by != null) {
            by.remove(command);
        }
        command.errno = errno;
        commands[command.index] = null;
        finished.add(command);
        if (!anyFinished) {
            anyFinished = true;
            news.run();
        }
    }

    /** Hot. Whether {@link #takeFinished} would find any. */
    boolean anyFinished() {
        return anyFinished;
    }

    void takeFinished(Queue<NbdCommand> into) {
        lock.lock();
        try {
            NbdCommand command;
            while ((command = finished.poll()) != null) {
                into.add(command);
            }
            anyFinished = false;
        } finally {
            lock.unlock();
        }
    }

    /** Nobody wants the commands of now: none is begun any more, nor sent again. */
    void cancelAll() {
        lock.lock();
        try {
            for (var command : commands) {
                if (command == null) {
                    continue;
                }
                command.canceled = true;
                var by = command.connection;
                if (by == null) {
                    parked.remove(command);
                    finish(command, Errno.ECANCELED);
                } else if (!command.begun) {
                    by.queue.remove(command);
                    finish(command, Errno.ECANCELED);
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /** Looks after what takes too long. */
    void check(boolean canceledTooLong) {
        lock.lock();
        try {
            long now = System.nanoTime();
            if (health.isAwayTooLong(now)) {
                failParked();
            }
            for (var connection : connections) {
                if (!connection.up || connection.underWay == 0) {
                    continue;
                }
                if (now - connection.heardAt >= options.replyTime().toNanos()) {
                    connection.cut("no reply for " + NbdHealth.words(options.replyTime()));
                } else if (canceledTooLong && hasCanceled(connection)) {
                    connection.cut("no reply to a request that was cancelled");
                }
            }
        } finally {
            lock.unlock();
        }
    }

    private boolean hasCanceled(NbdConnection connection) {
        for (var command : commands) {
            if (command != null && command.connection == connection && command.canceled) {
                return true;
            }
        }
        return false;
    }

    /** Says farewell to the server. The threads end by themselves, soon. */
    void close() {
        lock.lock();
        try {
            closing = true;
            for (var connection : connections) {
                if (connection.writing || !connection.up) {
                    connection.cut("closed");
                }
                connection.work.signal();
            }
            ending.signalAll();
        } finally {
            lock.unlock();
        }
    }

    // --- The side of the connections' threads

    /**
     * A connection can be used.
     *
     * @throws NbdException when the export is not what it was
     */
    void up(NbdConnection connection, NbdExport now) throws NbdException {
        lock.lock();
        try {
            if (export == null) {
                export = now;
            } else {
                var worse = export.lostBy(now);
                if (worse != null) {
                    fail("the export " + worse);
                    throw new NbdException("the export " + worse);
                }
            }
            if (closing) {
                throw new NbdException("closed");
            }
            connection.begin();
            health.connected(connection.opened.complete(now));
            for (int n = parked.size(); n > 0; n--) {
                route(parked.remove());
            }
        } finally {
            lock.unlock();
        }
    }

    private void fail(String why) {
        health.failed(why);
        for (var connection : connections) {
            connection.cut(why);
        }
        failParked();
    }

    private void failParked() {
        NbdCommand command;
        while ((command = parked.poll()) != null) {
            finish(command, Errno.EIO);
        }
    }

    /**
     * A connection is lost, or could not be had. Its channel is closed.
     *
     * @return whether to try again
     */
    boolean down(NbdConnection connection, String reason) {
        lock.lock();
        try {
            while (connection.writing) { // not for long: the channel is closed
                written.awaitUninterruptibly();
            }
            if (connection.opened.completeExceptionally(new NbdException(reason))) {
                connection.work.signal();
                connection.ended = true;
                return false; // the first attempt: whoever made it decides
            }
            if (connection.up) {
                connection.end();
                health.lost(reason, !closing);
                sendAgain(connection, System.nanoTime());
            }
            return !closing && !health.hasFailed();
        } finally {
            lock.unlock();
        }
    }

    private void sendAgain(NbdConnection connection, long now) {
        for (var command : commands) {
            if (command == null || command.connection != connection) {
                continue;
            }
            if (!command.lost) {
                command.lost = true;
                command.lostAt = now;
            }
            if (command.canceled) {
                finish(command, Errno.ECANCELED);
            } else if (now - command.lostAt > options.reconnectTime().toNanos()) {
                finish(command, Errno.EIO); // it has been tried again and again
            } else {
                route(command);
            }
        }
    }

    /** Waits; returns false when the end has come. */
    boolean pause(Duration time) {
        lock.lock();
        try {
            long left = time.toNanos();
            while (left > 0 && !closing && !health.hasFailed()) {
                left = ending.awaitNanos(left);
            }
            return !closing && !health.hasFailed();
        } catch (InterruptedException e) {
            return false; // nobody does that to these threads
        } finally {
            lock.unlock();
        }
    }

    /** Returns the command that a reply to this connection is for; null when there is none. */
    @Nullable NbdCommand find(NbdConnection connection, long cookie) {
        lock.lock();
        try {
            int index = (int) (cookie & 0xffff);
            var command = index < commands.length ? commands[index] : null;
            return command != null
                            && command.connection == connection
                            && command.begun
                            && !command.answered
                            && command.cookie == cookie
                    ? command
                    : null;
        } finally {
            lock.unlock();
        }
    }

    /** The reply to a command has come; its errno is noted there. */
    void answered(NbdConnection connection, NbdCommand command) {
        lock.lock();
        try {
            connection.heardAt = System.nanoTime();
            command.answered = true;
            if (command.written) { // else its data may still be read by the sending thread
                finish(command, command.errno);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Waits for commands to send; returns how many, 0 at the end. */
    int take(NbdConnection connection, NbdCommand[] batch) {
        lock.lock();
        try {
            while (!closing
                    && !connection.ended
                    && (!connection.up || connection.queue.isEmpty())) {
                connection.work.awaitUninterruptibly();
            }
            int count = 0;
            if (!closing && !connection.ended) {
                while (count < batch.length && !connection.queue.isEmpty()) {
                    var command = connection.queue.remove();
                    command.begin(++cookies << 16 | command.index);
                    batch[count++] = command;
                }
                connection.writing = true;
            }
            return count;
        } finally {
            lock.unlock();
        }
    }

    /** What {@link #take} returned has been sent, or not. */
    void written(NbdConnection connection, NbdCommand[] batch, int count, boolean sent) {
        lock.lock();
        try {
            connection.writing = false;
            for (int i = 0; sent && i < count; i++) {
                batch[i].written = true;
                if (batch[i].answered) {
                    finish(batch[i], batch[i].errno);
                }
            }
            written.signalAll();
        } finally {
            lock.unlock();
        }
    }
}
