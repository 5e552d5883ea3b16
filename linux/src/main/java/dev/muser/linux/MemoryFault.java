package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;

/**
 * A fault in mapped memory that its owner made shorter.
 *
 * <p>The JVM turns such a fault (SIGBUS) into an {@link InternalError}, but compiled code throws it
 * only at the next point where the thread can be stopped, which may be outside the {@code try}
 * around the access. {@link #fence} is such a point: put it last in the {@code try} block.
 */
public final class MemoryFault {
    private static final MethodHandle ABS =
            Linker.nativeLinker()
                    .downcallHandle(
                            Linker.nativeLinker().defaultLookup().findOrThrow("abs"),
                            FunctionDescriptor.of(JAVA_INT, JAVA_INT));

    private MemoryFault() {}

    /** Hot (some 10 ns). Throws now what an earlier access to faulty memory has left pending. */
    public static void fence() {
        try {
            // A downcall that is not critical passes a safepoint poll on return.
            int ignored = (int) ABS.invokeExact(0);
        } catch (Throwable t) {
            if (t instanceof Error error) {
                throw error;
            }
            throw new AssertionError(t);
        }
    }

    /** Whether {@code thrown} is the JVM's report of such a fault. */
    public static boolean is(Throwable thrown) {
        return thrown instanceof InternalError
                && thrown.getMessage() != null
                && thrown.getMessage().contains("unsafe memory access");
    }
}
