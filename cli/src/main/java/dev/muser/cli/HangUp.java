package dev.muser.cli;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;

/**
 * SIGHUP. The JVM has no other way to it than {@code sun.misc.Signal}, of a module that supports it
 * ({@code jdk.unsupported}); by reflection, since javac warns of each use by name.
 */
final class HangUp {
    private HangUp() {}

    /** Has {@code task} run, on a thread of the JVM, whenever this process is sent SIGHUP. */
    @SuppressWarnings("ReferenceEquality") // of a proxy, which is what Object.equals means
    static void handle(Runnable task) {
        try {
            var signal = Class.forName("sun.misc.Signal");
            var handler = Class.forName("sun.misc.SignalHandler");
            var proxy =
                    Proxy.newProxyInstance(
                            handler.getClassLoader(),
                            new Class<?>[] {handler},
                            (self, method, arguments) ->
                                    switch (method.getName()) {
                                        case "handle" -> {
                                            task.run();
                                            yield null;
                                        }
                                        case "hashCode" -> System.identityHashCode(self);
                                        case "equals" -> self == arguments[0];
                                        default -> "SIGHUP";
                                    });
            signal.getMethod("handle", signal, handler)
                    .invoke(null, signal.getConstructor(String.class).newInstance("HUP"), proxy);
        } catch (ClassNotFoundException
                | NoSuchMethodException
                | InstantiationException
                | IllegalAccessException
                | InvocationTargetException e) {
            throw new IllegalStateException("this JVM does not know SIGHUP", e);
        }
    }
}
