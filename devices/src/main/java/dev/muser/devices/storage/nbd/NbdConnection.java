package dev.muser.devices.storage.nbd;

import java.io.IOException;
import java.net.ConnectException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.Condition;
import org.jspecify.annotations.Nullable;

/**
 * One connection: a thread that connects, receives replies and connects again, and one that sends.
 */
final class NbdConnection {
    private static final Duration FIRST_DELAY = Duration.ofMillis(100);
    private static final Duration LAST_DELAY = Duration.ofSeconds(5);

    /** A farewell that takes longer is not worth it. */
    private static final Duration FAREWELL = Duration.ofSeconds(1);

    /** Data and command, as costs of a connection: a command is as much work as so many bytes. */
    private static final long COMMAND_LOAD = 4096;

    /** So many commands leave in one system call. */
    private static final int BATCH = 16;

    private final NbdLinks links;

    /** Done when the first attempt to connect is. */
    final CompletableFuture<NbdExport> opened = new CompletableFuture<>();

    private volatile @Nullable NbdChannel channel;

    /** Why {@link #cut} closed the channel. */
    private volatile @Nullable String cutFor;

    // Under the lock of the links
    final ArrayDeque<NbdCommand> queue = new ArrayDeque<>();
    final Condition work;
    boolean up;

    /** There was no first connection, and there will be none. */
    boolean ended;

    boolean writing;
    int underWay;
    long load;
    long heardAt;

    NbdConnection(NbdLinks links, Condition work) {
        this.links = links;
        this.work = work;
    }

    // --- Under the lock of the links

    /** Commands can be sent from now on. */
    void begin() {
        up = true;
        underWay = 0;
        load = 0;
    }

    void end() {
        up = false;
        queue.clear();
    }

    /** Takes a command to send. */
    void add(NbdCommand command) {
        command.connection = this;
        command.begun = false;
        load += load(command);
        if (underWay++ == 0) {
            heardAt = System.nanoTime();
        }
        queue.add(command);
        work.signal();
    }

    /** A command is done here. */
    void remove(NbdCommand command) {
        command.connection = null;
        load -= load(command);
        underWay--;
    }

    private static long load(NbdCommand command) {
        return COMMAND_LOAD + (command.buffer == null ? 0 : command.length());
    }

    // --- On any thread

    void start(int number) {
        Thread.ofPlatform().daemon().name("nbd-%d-receive".formatted(number)).start(this::receive);
        Thread.ofPlatform().daemon().name("nbd-%d-send".formatted(number)).start(this::send);
    }

    /** Ends what the channel does, if there is one; then the receiving thread connects again. */
    void cut(String reason) {
        cutFor = reason;
        var now = channel;
        if (now != null) {
            now.close();
        }
    }

    // --- On its own threads

    private void receive() {
        var delay = FIRST_DELAY;
        while (true) {
            long began = System.nanoTime();
            String reason;
            try {
                serve();
                return; // not reached: it ends by an exception
            } catch (IOException | RuntimeException e) {
                reason = reason(e);
            } finally {
                var last = channel;
                if (last != null) {
                    last.close();
                }
            }
            if (!links.down(this, reason)) {
                return;
            }
            boolean lasted = System.nanoTime() - began > LAST_DELAY.toNanos();
            delay = lasted ? FIRST_DELAY : delay;
            if (!links.pause(delay)) {
                return;
            }
            delay =
                    delay.multipliedBy(2).compareTo(LAST_DELAY) < 0
                            ? delay.multipliedBy(2)
                            : LAST_DELAY;
        }
    }

    private void serve() throws IOException {
        cutFor = null;
        var address = links.uri().resolve();
        var fresh = NbdChannel.open(address);
        channel = fresh;
        var limit = links.options().connectTime();
        var guard =
                closeAfter(
                        limit,
                        () -> {
                            cutFor = "no answer within " + NbdHealth.words(limit);
                            fresh.close();
                        });
        NbdExport export;
        try {
            if (links.isClosing()) {
                throw new ClosedChannelException(); // close did not see this channel
            }
            fresh.connect(address);
            export = NbdHandshake.run(fresh, links.uri().export());
        } finally {
            guard.interrupt();
        }
        links.up(this, export);
        var replies = new NbdReplies(links, this, fresh, export.structured());
        while (true) {
            replies.receive();
        }
    }

    private static Thread closeAfter(Duration limit, Runnable close) {
        return Thread.ofPlatform()
                .daemon()
                .name("nbd-limit")
                .start(() -> {
                    try {
                        Thread.sleep(limit);
                        close.run();
                    } catch (InterruptedException e) {
                        // It was done in time.
                    }
                });
    }

    private String reason(Exception e) {
        var cut = cutFor;
        if (cut != null) {
            return cut;
        }
        if (e instanceof ConnectException) {
            return "nobody listens there";
        }
        if (e instanceof NoSuchFileException) {
            return "there is no such socket";
        }
        var message = e.getMessage();
        return message == null ? e.getClass().getSimpleName() : message;
    }

    private void send() {
        var batch = new NbdCommand[BATCH];
        var messages = new ByteBuffer[2 * BATCH];
        int count;
        while ((count = links.take(this, batch)) > 0) {
            boolean sent = false;
            var to = channel;
            try {
                if (to != null) {
                    to.write(messages, gather(batch, count, messages));
                    sent = true;
                }
            } catch (IOException | RuntimeException e) {
                // The receiving thread notices, and says so.
                if (to != null) {
                    to.close();
                }
            } finally {
                links.written(this, batch, count, sent);
            }
        }
        sayFarewell();
    }

    private static int gather(NbdCommand[] batch, int count, ByteBuffer[] messages) {
        int n = 0;
        for (int i = 0; i < count; i++) {
            messages[n++] = batch[i].header();
            var payload = batch[i].payload();
            if (payload != null) {
                messages[n++] = payload;
            }
        }
        return n;
    }

    private void sayFarewell() {
        var last = channel;
        if (last == null) {
            return;
        }
        var guard = closeAfter(FAREWELL, last::close);
        try {
            last.write(
                    ByteBuffer.allocate(NbdProtocol.REQUEST_LENGTH)
                            .putInt(NbdProtocol.REQUEST_MAGIC)
                            .putShort((short) 0)
                            .putShort((short) NbdProtocol.CMD_DISC)
                            .rewind());
        } catch (IOException | RuntimeException e) {
            // Then without.
        } finally {
            guard.interrupt();
            last.close();
        }
    }
}
