package dev.muser.service;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.muser.linux.Fd;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.UnixDatagramSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** A service manager's end of the notify socket, which receives and does no more. */
final class ManagerSocket implements AutoCloseable {
    private static final AtomicInteger COUNT = new AtomicInteger();

    final String address =
            "@muser-test-%d-%d".formatted(ProcessHandle.current().pid(), COUNT.getAndIncrement());
    final List<Fd> descriptors = new ArrayList<>();
    private final UnixDatagramSocket socket = UnixDatagramSocket.bind(address);
    private final MessageReceiver receiver = new MessageReceiver(8, true);
    private final MemorySegment buffer = Arena.ofAuto().allocate(8192);

    /** Returns the texts that came since the last time; descriptors are added to the list. */
    List<String> received() {
        var texts = new ArrayList<String>();
        while (true) {
            int n = receiver.receive(socket, buffer, 0, 8192, MessageReceiver.DONT_WAIT);
            if (n < 0) {
                return texts;
            }
            texts.add(new String(buffer.asSlice(0, n).toArray(JAVA_BYTE), UTF_8));
            for (int i = 0; i < receiver.descriptors(); i++) {
                descriptors.add(receiver.take(i));
            }
        }
    }

    @Override
    public void close() {
        descriptors.forEach(Fd::close);
        descriptors.clear();
        receiver.close();
        socket.close();
    }
}
