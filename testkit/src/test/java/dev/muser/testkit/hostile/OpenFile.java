package dev.muser.testkit.hostile;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Fd;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/** Descriptors that Java does not open: {@code open(2)} with any flags. */
final class OpenFile {
    static final int O_RDONLY = 0;
    static final int O_PATH = 0x20_0000;
    static final int O_DIRECTORY = 0x1_0000;
    private static final int O_CLOEXEC = 0x8_0000;

    private static final MethodHandle OPEN =
            Linker.nativeLinker()
                    .downcallHandle(
                            Linker.nativeLinker().defaultLookup().findOrThrow("open"),
                            FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT),
                            Linker.Option.firstVariadicArg(2));

    private OpenFile() {}

    static Fd open(Path path, int flags) {
        try (var arena = Arena.ofConfined()) {
            int number =
                    (int) OPEN.invokeExact(arena.allocateFrom(path.toString()), flags | O_CLOEXEC);
            assertThat(number).as("open %s", path).isNotNegative();
            return Fd.adopt(number);
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }
}
