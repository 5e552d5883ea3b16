package dev.muser.bench.jmh;

import java.util.Arrays;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/** Runs the microbenchmarks whose names match its arguments, or all. On the class path only. */
public final class Micro {
    private Micro() {}

    /**
     * @param args regular expressions of names, such as {@code MessageBenchmark.decode}
     */
    public static void main(String[] args) throws RunnerException {
        var options =
                new OptionsBuilder()
                        .forks(1)
                        .warmupIterations(3)
                        .warmupTime(TimeValue.milliseconds(500))
                        .measurementIterations(5)
                        .measurementTime(TimeValue.milliseconds(500))
                        .shouldFailOnError(true)
                        .jvmArgsAppend("-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED");
        if (args.length == 0) {
            options.include("dev\\.muser\\.bench\\.jmh\\..*");
        }
        Arrays.stream(args).forEach(options::include);
        new Runner(options.build()).run();
    }
}
