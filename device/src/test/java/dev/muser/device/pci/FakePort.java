package dev.muser.device.pci;

import dev.muser.device.DmaCompletion;
import dev.muser.device.DmaPort;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Queue;

/** A client that keeps its memory to itself, and answers when it is told to. */
final class FakePort implements DmaPort {
    final byte[] memory;
    private final Queue<Runnable> requests = new ArrayDeque<>();
    private final Queue<DmaCompletion> completions = new ArrayDeque<>();
    private int failure;

    FakePort(int size) {
        memory = new byte[size];
    }

    /** Fails the requests that come from now on, unless it is 0. */
    void failWith(int errno) {
        failure = errno;
    }

    @Override
    public void read(long iova, MemorySegment into, DmaCompletion completion) {
        int errno = failure;
        completions.add(completion);
        requests.add(() -> {
            if (errno == 0) {
                MemorySegment.copy(MemorySegment.ofArray(memory), iova, into, 0, into.byteSize());
            }
            completion.done(errno);
        });
    }

    @Override
    public void write(long iova, MemorySegment from, DmaCompletion completion) {
        int errno = failure;
        completions.add(completion);
        requests.add(() -> {
            if (errno == 0) {
                MemorySegment.copy(from, 0, MemorySegment.ofArray(memory), iova, from.byteSize());
            }
            completion.done(errno);
        });
    }

    /** As a port from which nothing has gone yet. */
    @Override
    public void cancel() {
        for (int n = requests.size(); n > 0; n--) {
            requests.remove();
            completions.remove().done(Errno.ECANCELED);
        }
    }

    int pending() {
        return requests.size();
    }

    void answer() {
        for (var request = requests.poll(); request != null; request = requests.poll()) {
            completions.remove();
            request.run();
        }
    }
}
