package dev.muser.conform;

import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import java.util.List;

/** What the fake server answers: an errno, or 0 and a payload. */
@SuppressWarnings("ArrayRecordComponent") // nobody compares them
record FakeReply(int errno, byte[] payload, List<Fd> fds) {
    static final FakeReply DONE = new FakeReply(0, new byte[0], List.of());
    static final FakeReply INVALID = error(Errno.EINVAL);

    static FakeReply error(int errno) {
        return new FakeReply(errno, new byte[0], List.of());
    }

    static FakeReply of(byte[] payload, Fd... fds) {
        return new FakeReply(0, payload, List.of(fds));
    }

    static FakeReply of(Bytes payload, Fd... fds) {
        return of(payload.get(), fds);
    }
}
