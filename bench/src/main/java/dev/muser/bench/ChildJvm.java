package dev.muser.bench;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A JVM started as this one was, with another main class. It answers each line with a line, and
 * ends when its standard input does: with its parent, whatever becomes of that.
 */
final class ChildJvm implements AutoCloseable {
    private static final String READY = "ready";

    private final String name;
    private final Process process;
    private final BufferedReader output;
    private final Writer input;

    private ChildJvm(String name, Process process) {
        this.name = name;
        this.process = process;
        output =
                new BufferedReader(
                        new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        input = new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8);
    }

    /** Starts one; returns at once. Its errors go where this process's go. */
    static ChildJvm start(Class<?> main, String... arguments) {
        return start(List.of(), main, arguments);
    }

    private static ChildJvm start(List<String> jvmOptions, Class<?> main, String... arguments) {
        var command = new ArrayList<>(command(jvmOptions, main));
        command.addAll(Arrays.asList(arguments));
        try {
            var process =
                    new ProcessBuilder(command)
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start();
            return new ChildJvm(main.getSimpleName(), process);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot start " + command.getFirst(), e);
        }
    }

    /** Starts one and waits until it {@linkplain #sayReady says} that it is ready. */
    static ChildJvm startReady(Class<?> main, String... arguments) {
        return startReady(List.of(), main, arguments);
    }

    /** As {@link #startReady(Class, String...)}, with options for the JVM beside this one's. */
    static ChildJvm startReady(List<String> jvmOptions, Class<?> main, String... arguments) {
        var child = start(jvmOptions, main, arguments);
        var line = child.readLine();
        if (!line.equals(READY)) {
            child.close();
            throw new IllegalStateException(child.name + " said: " + line);
        }
        return child;
    }

    private static List<String> command(List<String> jvmOptions, Class<?> main) {
        var command = new ArrayList<String>();
        command.add(System.getProperty("java.home") + "/bin/java");
        for (var argument : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
            // A debugger or an agent is for this process alone.
            if (!argument.startsWith("-agent") && !argument.startsWith("-javaagent")) {
                command.add(argument);
            }
        }
        command.addAll(jvmOptions);
        if (main.getModule().isNamed()) {
            var path = System.getProperty("jdk.module.path");
            if (path != null) {
                command.addAll(List.of("-p", path));
            }
            command.addAll(List.of("-m", main.getModule().getName() + "/" + main.getName()));
        } else {
            command.addAll(List.of("-cp", classPath(), main.getName()));
        }
        return command;
    }

    private static String classPath() {
        return Stream.of(
                        System.getProperty("java.class.path"),
                        System.getProperty("jdk.module.path"))
                .filter(path -> path != null && !path.isEmpty())
                .collect(Collectors.joining(File.pathSeparator));
    }

    /** In the child: tells the parent that it may begin. */
    static void sayReady() {
        System.out.println(READY);
    }

    /** In the child: ends this process when the parent closes the pipe, or ends. */
    static void endWithParent() {
        Thread.ofPlatform()
                .daemon()
                .start(() -> {
                    try {
                        while (System.in.read() >= 0) {
                            // a child that is asked for nothing
                        }
                    } catch (IOException e) {
                        // the pipe is gone, and so is the parent
                    }
                    Runtime.getRuntime().halt(0);
                });
    }

    long pid() {
        return process.pid();
    }

    /** Sends a line and returns the line that comes back. */
    String ask(String line) {
        try {
            input.write(line + "\n");
            input.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(name + " is gone", e);
        }
        return readLine();
    }

    private String readLine() {
        try {
            var line = output.readLine();
            if (line == null) {
                throw new IllegalStateException(name + " ended; see its errors above");
            }
            return line;
        } catch (IOException e) {
            throw new UncheckedIOException(name + " is gone", e);
        }
    }

    /** Waits until it has ended by itself. */
    void awaitEnd() {
        await(30, TimeUnit.SECONDS);
    }

    private boolean await(long time, TimeUnit unit) {
        try {
            return process.waitFor(time, unit);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    @Override
    public void close() {
        try {
            input.close();
        } catch (IOException e) {
            // it has ended already
        }
        if (!await(2, TimeUnit.SECONDS)) {
            process.destroyForcibly();
        }
        await(2, TimeUnit.SECONDS);
    }
}
