package dev.muser.testkit.guest;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.SocketException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import tools.jackson.jr.ob.JSON;

/**
 * QEMU's machine protocol: a line of JSON for each command, reply and event.
 *
 * <p>Thread-safe; commands are carried out one after the other.
 */
public final class Qmp implements AutoCloseable {
    private static final Duration REPLY_TIMEOUT = Duration.ofSeconds(60);

    private final SocketChannel channel;
    private final ReentrantLock commands = new ReentrantLock();

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    // Guarded by the lock.
    private final List<Map<String, Object>> events = new ArrayList<>();
    private @Nullable Map<String, Object> reply;
    private boolean ended;

    /**
     * Connects to a QEMU.
     *
     * @throws SocketException when it does not listen
     */
    static Qmp connect(Path socket) throws IOException {
        var qmp = new Qmp(SocketChannel.open(UnixDomainSocketAddress.of(socket)));
        try {
            qmp.execute("qmp_capabilities");
            return qmp;
        } catch (RuntimeException e) {
            qmp.close();
            throw e;
        }
    }

    private Qmp(SocketChannel channel) {
        this.channel = channel;
        Thread.ofPlatform().daemon().name("guest-qmp").start(this::read);
    }

    private void read() {
        try (var in = new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8))) {
            for (var line = in.readLine(); line != null; line = in.readLine()) {
                take(JSON.std.mapFrom(line));
            }
        } catch (IOException e) {
            // QEMU has ended, or close() was called: either way nothing more comes.
        } finally {
            lock.lock();
            try {
                ended = true;
                changed.signalAll();
            } finally {
                lock.unlock();
            }
        }
    }

    private void take(Map<String, Object> message) {
        lock.lock();
        try {
            if (message.containsKey("event")) {
                events.add(message);
            } else if (!message.containsKey("QMP")) {
                reply = message;
            }
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Carries out a command without arguments. */
    public @Nullable Object execute(String command) {
        return execute(command, Map.of());
    }

    /**
     * Carries out a command.
     *
     * @return what QEMU answers: a map, a list, a text, a number or null
     * @throws GuestVmException when QEMU refuses, or does not answer within a minute
     */
    public @Nullable Object execute(String command, Map<String, ?> arguments) {
        commands.lock();
        try {
            var message = new LinkedHashMap<String, Object>();
            message.put("execute", command);
            message.put("arguments", arguments);
            send(JSON.std.asString(message) + "\n");
            var answer = awaitReply(command);
            if (answer.get("error") instanceof Map<?, ?> error) {
                throw new GuestVmException("QMP " + command + ": " + error.get("desc"));
            }
            return answer.get("return");
        } catch (IOException e) {
            throw new GuestVmException("QMP " + command + ": QEMU is gone", e);
        } finally {
            commands.unlock();
        }
    }

    private void send(String line) throws IOException {
        var bytes = ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    private Map<String, Object> awaitReply(String command) {
        var left = REPLY_TIMEOUT.toNanos();
        lock.lock();
        try {
            while (reply == null) {
                if (ended) {
                    throw new GuestVmException("QMP " + command + ": QEMU is gone");
                }
                if (left <= 0) {
                    throw new GuestVmException(
                            "QMP "
                                    + command
                                    + ": no answer in "
                                    + REPLY_TIMEOUT.toSeconds()
                                    + " s");
                }
                left = changed.awaitNanos(left);
            }
            var answer = Objects.requireNonNull(reply);
            reply = null;
            return answer;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new GuestVmException("QMP " + command + ": interrupted", e);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Waits for an event, for example {@code RESET}, and takes it away: one that came before the
     * call counts too, but only once.
     *
     * @return the event's data, empty if it has none
     * @throws GuestVmException when it does not come in time
     */
    public Map<String, Object> awaitEvent(String name, Duration timeout) {
        return awaitEvent(name, data -> true, timeout);
    }

    /** Waits until a device that has an id is gone: the event {@code DEVICE_DELETED}. */
    public void awaitDeviceDeleted(String id, Duration timeout) {
        awaitEvent("DEVICE_DELETED", data -> id.equals(data.get("device")), timeout);
    }

    private Map<String, Object> awaitEvent(
            String name, Predicate<Map<String, Object>> wanted, Duration timeout) {
        var left = timeout.toNanos();
        lock.lock();
        try {
            while (true) {
                for (var event : events) {
                    if (name.equals(event.get("event")) && wanted.test(data(event))) {
                        events.remove(event);
                        return data(event);
                    }
                }
                if (ended || left <= 0) {
                    var when = ended ? "before QEMU ended" : "in " + timeout.toMillis() + " ms";
                    throw new GuestVmException(
                            "QMP event %s did not come %s; these did: %s"
                                    .formatted(name, when, events));
                }
                left = changed.awaitNanos(left);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new GuestVmException("interrupted while waiting for QMP event " + name, e);
        } finally {
            lock.unlock();
        }
    }

    private static Map<String, Object> data(Map<String, Object> event) {
        var data = new LinkedHashMap<String, Object>();
        if (event.get("data") instanceof Map<?, ?> map) {
            map.forEach((key, value) -> data.put(String.valueOf(key), value));
        }
        return data;
    }

    /** Resets the machine, as its button does; the guest must be {@code rebootable()}. */
    public void systemReset() {
        execute("system_reset");
    }

    /** Stops the virtual CPUs. */
    public void stop() {
        execute("stop");
    }

    /** Lets the virtual CPUs run on. */
    public void cont() {
        execute("cont");
    }

    /** Ends QEMU, as pulling the plug would. */
    public void quit() {
        execute("quit");
    }

    /** Returns what the machine does, for example {@code running} or {@code paused}. */
    public String status() {
        return execute("query-status") instanceof Map<?, ?> answer
                ? String.valueOf(answer.get("status"))
                : "unknown";
    }

    /** Plugs a device in; {@code properties} name at least its {@code driver}. */
    public void deviceAdd(Map<String, ?> properties) {
        execute("device_add", properties);
    }

    /**
     * Asks the guest to release a device; {@link #awaitDeviceDeleted} says when it has, which takes
     * some seconds.
     */
    public void deviceDel(String id) {
        execute("device_del", Map.of("id", id));
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            // Nobody needs what a close could not deliver.
        }
    }
}
