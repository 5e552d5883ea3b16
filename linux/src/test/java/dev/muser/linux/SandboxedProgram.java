package dev.muser.linux;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;

/**
 * What {@link SandboxTest} and {@link LandlockTest} start: restricts itself, with a thread that was
 * there before, and then does what it is told, a line for each thing and a line of answer.
 */
final class SandboxedProgram {
    private SandboxedProgram() {}

    /**
     * @param arguments what it needs: network, uring, programs
     */
    public static void main(String[] arguments) throws Exception {
        var needs = Arrays.asList(arguments);
        try (var before = Executors.newSingleThreadExecutor()) {
            before.submit(() -> {}).get();
            System.out.println("started");
            var in = System.in;
            var line = new StringBuilder();
            for (int c = in.read(); c >= 0; c = in.read()) {
                if (c != '\n') {
                    line.append((char) c);
                    continue;
                }
                var words = line.toString().split(" ", -1);
                line.setLength(0);
                Callable<String> task = () -> answer(words, needs);
                System.out.println(
                        words[0].startsWith("main-") ? task.call() : before.submit(task).get());
            }
        }
    }

    static String answer(String[] words) {
        return answer(words, List.of());
    }

    private static String answer(String[] words, List<String> needs) {
        try {
            return switch (words[0]) {
                case "restrict" -> {
                    Sandbox.restrictCalls(
                            new Sandbox.Needs(
                                    needs.contains("network"),
                                    needs.contains("uring"),
                                    needs.contains("programs")));
                    yield "restricted";
                }
                case "call" -> call(words);
                case "read", "main-read" -> "read " + Files.readString(Path.of(words[1])).length();
                case "start" -> output(words[1]);
                case "signal" -> signal();
                case "threads" -> threads(Integer.parseInt(words[1]));
                case "garbage" -> garbage();
                default -> LandlockTrials.answer(words);
            };
        } catch (Exception e) {
            return e.getClass().getSimpleName(); // messages may have several lines
        }
    }

    private static String call(String[] words) {
        var numbers = new long[7];
        for (int i = 1; i < words.length; i++) {
            numbers[i - 1] = Long.decode(words[i]);
        }
        long result =
                Syscall.call(
                        (int) numbers[0],
                        numbers[1],
                        numbers[2],
                        numbers[3],
                        numbers[4],
                        numbers[5],
                        numbers[6]);
        return result < 0 ? Errno.name((int) -result) : "ok";
    }

    private static String output(String program) throws IOException {
        var started = new ProcessBuilder(program).redirectErrorStream(true).start();
        return new String(started.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    }

    private static String signal() {
        try (var eventFd = EventFd.create()) {
            EventFd.signal(eventFd);
            return "count " + EventFd.take(eventFd);
        }
    }

    private static String threads(int count) throws InterruptedException {
        var names = ConcurrentHashMap.<String>newKeySet();
        var threads = new Thread[count];
        for (int i = 0; i < count; i++) {
            var name = "t" + i;
            threads[i] = Thread.ofPlatform().name(name).start(() -> names.add(name));
        }
        for (var thread : threads) {
            thread.join();
        }
        return "threads " + names.size();
    }

    private static String garbage() {
        long sum = 0;
        for (int i = 0; i < 200_000; i++) {
            sum += new byte[1000].length;
        }
        System.gc();
        return "garbage " + sum;
    }
}
