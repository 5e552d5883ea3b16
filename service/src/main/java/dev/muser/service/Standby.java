package dev.muser.service;

import dev.muser.linux.Fd;
import dev.muser.linux.PidFd;
import dev.muser.linux.UnixSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * This process as one that waits to go on where another stops. In order: {@link #warm}, {@link
 * #await}, {@link #confirm}. Owned by one thread.
 *
 * <p>A {@link HandoverException} of any method means that this process is not needed: it should
 * end. The other process goes on, or its keeper starts another.
 */
public final class Standby implements AutoCloseable {
    private static final Duration PROMPT = Duration.ofSeconds(5);

    private final HandoverChannel channel;
    private final Consumer<List<NamedDescriptor>> taker;

    /**
     * @param taker gets what was taken over, and owns it
     */
    Standby(UnixSocket socket, Consumer<List<NamedDescriptor>> taker) {
        this.channel = new HandoverChannel(socket);
        this.taker = taker;
    }

    /** Says that this process is warm: all that can be done without descriptors has been done. */
    public void warm() throws HandoverException {
        channel.send(HandoverChannel.WARM, "", HandoverChannel.deadline(PROMPT));
    }

    /**
     * Waits until this process is to go on; then its {@link ServiceManager#store} and {@link
     * ServiceManager#listening} have what the other process had. It may be long.
     *
     * @param check is asked whether files can be read, by the names of the store; says null, or why
     *     not. The descriptors, which are for reading, are closed when it returns. What it throws
     *     is a refusal too.
     */
    public void await(Function<Map<String, Fd>, @Nullable String> check) throws HandoverException {
        while (true) {
            var descriptors = new ArrayList<NamedDescriptor>();
            boolean checking = false;
            try {
                var message = channel.receive(null);
                while (message.kind() != HandoverChannel.END) {
                    descriptors.addAll(message.descriptors());
                    if (message.kind() != HandoverChannel.PART
                            && message.kind() != HandoverChannel.CHECK) {
                        throw new HandoverException("the other process speaks another protocol");
                    }
                    checking = message.kind() == HandoverChannel.CHECK;
                    message = channel.receive(HandoverChannel.deadline(PROMPT));
                }
                if (!checking) {
                    taker.accept(List.copyOf(descriptors));
                    descriptors.clear();
                    return;
                }
                answer(check, descriptors);
            } finally {
                descriptors.forEach(each -> each.fd().close());
            }
        }
    }

    private void answer(
            Function<Map<String, Fd>, @Nullable String> check, List<NamedDescriptor> files)
            throws HandoverException {
        var byName = new HashMap<String, Fd>();
        for (var each : files) {
            byName.put(each.name(), each.fd());
        }
        String refusal;
        try {
            refusal = check.apply(byName);
        } catch (RuntimeException e) {
            refusal = String.valueOf(e.getMessage());
        }
        if (refusal == null) {
            channel.send(HandoverChannel.FITS, "", HandoverChannel.deadline(PROMPT));
        } else {
            channel.send(HandoverChannel.REFUSED, refusal, HandoverChannel.deadline(PROMPT));
        }
    }

    /**
     * Says that this process could go on with what it took over, and waits for the word that it is
     * to. Until then the process before may still go on itself: touch nothing before.
     *
     * @return the process before, which is to be let end, and to be closed; null when it has ended
     */
    public @Nullable Predecessor confirm() throws HandoverException {
        channel.send(HandoverChannel.TAKEN, "", HandoverChannel.deadline(PROMPT));
        var message = channel.receive(HandoverChannel.deadline(PROMPT));
        try {
            if (message.kind() != HandoverChannel.GO) {
                throw new HandoverException("the other process goes on itself");
            }
            var sent = message.descriptors();
            return sent.isEmpty() ? null : predecessor(sent.getFirst());
        } finally {
            message.close();
        }
    }

    private Predecessor predecessor(NamedDescriptor sent) throws HandoverException {
        try {
            long pid = Long.parseLong(sent.name());
            return new Predecessor(PidFd.adopt(sent.fd().duplicate()), pid, channel::close);
        } catch (NumberFormatException e) {
            throw new HandoverException("the other process speaks another protocol");
        }
    }

    /** Instead of {@link #confirm}: says why this process cannot go on with what it took over. */
    public void refuse(String why) throws HandoverException {
        channel.send(HandoverChannel.REFUSED, why, HandoverChannel.deadline(PROMPT));
    }

    @Override
    public void close() {
        channel.close();
    }
}
