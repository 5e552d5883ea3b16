package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;

/**
 * A pipe, and the way from it to a socket and back without a copy.
 *
 * @param source the end that is read
 * @param sink the end that is written
 */
public record Pipe(Fd source, Fd sink) implements AutoCloseable {
    private static final int O_CLOEXEC = 0x80000;
    private static final int O_NONBLOCK = 0x800;
    private static final int SPLICE_F_NONBLOCK = 2;

    /** Creates a pipe whose ends do not block. */
    public static Pipe create() {
        try (var arena = Arena.ofConfined()) {
            var ends = arena.allocate(8, 4);
            Syscall.check(
                    "pipe2", Syscall.call(Syscall.PIPE2, ends.address(), O_CLOEXEC | O_NONBLOCK));
            return new Pipe(Fd.own(ends.get(JAVA_INT, 0)), Fd.own(ends.get(JAVA_INT, 4)));
        }
    }

    /**
     * Hot. Moves up to {@code length} bytes from one descriptor to the other, of which at least one
     * is a pipe's end: {@code splice(2)}.
     *
     * @return how many bytes, 0 at the end of the stream, or {@code -errno}
     */
    public static int splice(Fd from, Fd to, int length) {
        return (int)
                Syscall.call(
                        Syscall.SPLICE,
                        from.number(),
                        0,
                        to.number(),
                        0,
                        length,
                        SPLICE_F_NONBLOCK);
    }

    @Override
    public void close() {
        source.close();
        sink.close();
    }
}
