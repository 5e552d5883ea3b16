package dev.muser.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A {@link SandboxedProgram} that runs, from the side of who tells it what to do. */
final class SandboxedProcess implements AutoCloseable {
    private @Nullable Process process;
    private BufferedReader answers = new BufferedReader(BufferedReader.nullReader());
    private Writer orders = Writer.nullWriter();

    /** Returns its process id. */
    long start(String... needs) throws IOException {
        var command =
                new ArrayList<>(
                        List.of(
                                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                                "--enable-native-access=ALL-UNNAMED",
                                "-cp",
                                "target/classes:target/test-classes",
                                SandboxedProgram.class.getName()));
        command.addAll(List.of(needs));
        var started =
                new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        process = started;
        answers = started.inputReader();
        orders = started.outputWriter();
        assertThat(answers.readLine()).isEqualTo("started");
        return started.pid();
    }

    long pid() {
        return process == null ? 0 : process.pid();
    }

    String told(String order) throws IOException {
        orders.write(order + "\n");
        orders.flush();
        var answer = answers.readLine();
        return answer == null ? "dead" : answer;
    }

    @Override
    public void close() {
        if (process != null) {
            process.destroyForcibly();
        }
    }
}
