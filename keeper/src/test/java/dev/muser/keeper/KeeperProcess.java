package dev.muser.keeper;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A keeper in a process of its own, over a {@link DeviceProgram}. */
final class KeeperProcess implements AutoCloseable {
    private static final long HANG_GUARD = TimeUnit.SECONDS.toNanos(50);

    final Path log;
    private final Path errors;
    private final Process process;

    KeeperProcess(Path folder, String mode, String... options) throws IOException {
        log = folder.resolve("log");
        errors = folder.resolve("errors");
        var command = java("dev.muser.keeper.Main");
        command.addAll(List.of(options));
        command.add("--");
        command.addAll(java(DeviceProgram.class.getName()));
        command.add(log.toString());
        command.add(mode);
        process = start(command);
    }

    /** Runs a keeper with these arguments. */
    KeeperProcess(Path folder, List<String> arguments) throws IOException {
        log = folder.resolve("log");
        errors = folder.resolve("errors");
        var command = java("dev.muser.keeper.Main");
        command.addAll(arguments);
        process = start(command);
    }

    /** The same, with a limit of open files. */
    KeeperProcess(Path folder, int openFiles, List<String> arguments) throws IOException {
        log = folder.resolve("log");
        errors = folder.resolve("errors");
        var script = "ulimit -n " + openFiles + "; exec \"$0\" \"$@\"";
        var command = new ArrayList<>(List.of("/bin/sh", "-c", script));
        command.addAll(java("dev.muser.keeper.Main"));
        command.addAll(arguments);
        process = start(command);
    }

    private Process start(List<String> command) throws IOException {
        return new ProcessBuilder(command)
                .redirectInput(new File("/dev/null"))
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(errors.toFile())
                .start();
    }

    private static List<String> java(String main) {
        return new ArrayList<>(
                List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-Xmx32m",
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        "target/classes:target/test-classes"
                                + ":../service/target/classes:../linux/target/classes",
                        main));
    }

    long pid() {
        return process.pid();
    }

    List<String> lines() throws IOException {
        return Files.exists(log) ? Files.readAllLines(log) : List.of();
    }

    String errors() throws IOException {
        return Files.readString(errors);
    }

    /** Waits for the n-th line that begins with {@code what}, and returns the pid at its end. */
    long await(String what, int n) throws Exception {
        long start = System.nanoTime();
        while (true) {
            var found = lines().stream().filter(line -> line.startsWith(what + " ")).toList();
            if (found.size() >= n) {
                var line = found.get(n - 1);
                return Long.parseLong(line.substring(line.lastIndexOf(' ') + 1));
            }
            if (System.nanoTime() - start > HANG_GUARD) {
                throw new AssertionError(
                        "no line %d of '%s' in %s, and of the keeper: %s"
                                .formatted(n, what, lines(), errors()));
            }
            Thread.sleep(5);
        }
    }

    /** Returns how many lines begin so. */
    long count(String what) throws IOException {
        return lines().stream().filter(line -> line.startsWith(what + " ")).count();
    }

    static void signal(String signal, long pid) throws Exception {
        int code = new ProcessBuilder("kill", "-" + signal, Long.toString(pid)).start().waitFor();
        if (code != 0) {
            throw new AssertionError("cannot signal " + pid);
        }
    }

    /** Waits for the keeper's end. */
    int exitCode() throws Exception {
        if (!process.waitFor(HANG_GUARD, TimeUnit.NANOSECONDS)) {
            throw new AssertionError(
                    "the keeper does not end: %s, %s".formatted(lines(), errors()));
        }
        return process.exitValue();
    }

    /** Waits until none of the processes that wrote into the log is there any more. */
    void awaitNobody() throws Exception {
        for (var line : lines()) {
            long pid = Long.parseLong(line.substring(line.lastIndexOf(' ') + 1));
            var left = ProcessHandle.of(pid);
            if (left.isPresent()) {
                left.get().onExit().get(50, TimeUnit.SECONDS);
            }
        }
    }

    @Override
    public void close() throws IOException {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly().onExit().join();
        for (var line : lines()) { // those whose keeper is dead
            long pid = Long.parseLong(line.substring(line.lastIndexOf(' ') + 1));
            ProcessHandle.of(pid)
                    .filter(left -> left.info().commandLine().orElse("").contains(log.toString()))
                    .ifPresent(ProcessHandle::destroyForcibly);
        }
    }
}
