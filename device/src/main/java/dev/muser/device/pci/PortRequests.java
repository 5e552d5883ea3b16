package dev.muser.device.pci;

import dev.muser.device.DmaCompletion;
import dev.muser.device.DmaPort;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/** Transfers by message that the client has not answered yet. Each completes once. */
final class PortRequests {
    private @Nullable DmaPort port;
    private @Nullable Request first;

    /** What has been answered while the device stands still, in order. */
    private final Queue<Runnable> answered = new ArrayDeque<>();

    private boolean stopped;

    private final class Request implements DmaCompletion {
        private final DmaCompletion completion;
        private @Nullable Request before;
        private @Nullable Request after;
        private boolean over;

        Request(DmaCompletion completion) {
            this.completion = completion;
            after = first;
            if (after != null) {
                after.before = this;
            }
            first = this;
        }

        @Override
        public void done(int errno) {
            if (over) {
                return; // the session ended before the answer came
            }
            if (stopped) {
                answered.add(() -> done(errno));
                return;
            }
            unlink();
            completion.done(errno);
        }

        void unlink() {
            over = true;
            if (before == null) {
                first = after;
            } else {
                before.after = after;
            }
            if (after != null) {
                after.before = before;
            }
        }
    }

    void attach(@Nullable DmaPort newPort) {
        port = newPort;
    }

    /** The device stands still: whatever is answered completes later. */
    void stop() {
        stopped = true;
    }

    void go() {
        stopped = false;
        for (var answer = answered.poll(); answer != null; answer = answered.poll()) {
            answer.run();
        }
    }

    /** The device was reset: what has not gone to the client is over. */
    void cancel() {
        if (port != null) {
            port.cancel();
        }
    }

    /** Completes none of them any more. */
    void abandon() {
        port = null;
        while (first != null) {
            first.unlink();
        }
    }

    /** Completes all with ECONNRESET, and whatever is asked for from now on. */
    void detach() {
        port = null;
        stopped = false;
        answered.clear();
        for (var request = first; request != null; request = first) {
            request.done(Errno.ECONNRESET);
        }
    }

    /** Reads into {@code buffer}, or writes it. */
    void move(long iova, MemorySegment buffer, boolean read, DmaCompletion completion) {
        var p = port;
        if (p == null) {
            completion.done(Errno.ECONNRESET);
            return;
        }
        var request = new Request(completion);
        boolean asked = false;
        try {
            if (read) {
                p.read(iova, buffer, request);
            } else {
                p.write(iova, buffer, request);
            }
            asked = true;
        } finally {
            if (!asked && !request.over) {
                request.unlink();
            }
        }
    }
}
