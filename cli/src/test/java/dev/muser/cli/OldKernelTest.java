package dev.muser.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.edu.EduDriver;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A server where the kernel lacks what the sandbox is made of. */
final class OldKernelTest {
    private static final String NO_FILTER = "system calls are not filtered: seccomp: ENOSYS";
    private static final String NO_LANDLOCK =
            "files are not closed off as they should be: the kernel has no Landlock, and 3 (Linux"
                    + " 6.2) is needed";

    @TempDir private Path folder = Path.of("");
    private @Nullable Process process;

    @AfterEach
    void killTheChild() {
        if (process != null) {
            process.destroyForcibly();
        }
    }

    private Process serve(String missing, String... options) throws IOException {
        var command = JavaCommand.muser();
        command.removeLast();
        command.addAll(List.of(OldKernel.class.getName(), missing));
        command.addAll(List.of("serve", "edu", "-q", "-s", socket().toString()));
        command.addAll(List.of(options));
        var child = new ProcessBuilder(command).redirectErrorStream(true).start();
        process = child;
        return child;
    }

    private Path socket() {
        return folder.resolve("edu.sock");
    }

    /**
     * Returns what it logs until it is ready, with {@code ./muser} only if told to; it serves and
     * ends as any.
     */
    private List<String> served(String missing) throws Exception {
        var child = serve(missing);
        var said = new ArrayList<String>();
        for (var line = child.inputReader().readLine();
                line != null && !line.equals("ready");
                line = child.inputReader().readLine()) {
            said.add(line);
        }
        try (var device = RemoteDevice.connect(socket());
                var function = new PciFunction(device)) {
            assertThat(new EduDriver(function).factorial(5)).isEqualTo(120);
        }
        assertThat(Invocation.said("inspect", "--process", socket().toString()))
                .contains(
                        missing.contains(OldKernel.LANDLOCK)
                                ? "landlock             no (the"
                                : "landlock             threads that serve (the");
        child.destroy();
        assertThat(child.waitFor(30, TimeUnit.SECONDS)).as("the process ends").isTrue();
        assertThat(child.exitValue()).isZero();
        assertThat(socket()).doesNotExist();
        return said;
    }

    @Test
    void shouldServeWithoutWhatIsMissingAndSayIt() throws Exception {
        assertThat(served(OldKernel.SECCOMP))
                .anyMatch(line -> line.contains(NO_FILTER))
                .noneMatch(line -> line.contains("not closed off"));
        assertThat(served(OldKernel.LANDLOCK))
                .anyMatch(line -> line.contains(NO_LANDLOCK))
                .noneMatch(line -> line.contains("not filtered"));
        assertThat(served(OldKernel.SECCOMP + "," + OldKernel.LANDLOCK))
                .anyMatch(line -> line.contains(NO_LANDLOCK))
                .anyMatch(line -> line.contains(NO_FILTER));
    }

    @ParameterizedTest
    @CsvSource({
        OldKernel.SECCOMP + ", system calls cannot be filtered here: seccomp: ENOSYS",
        "'" + OldKernel.LANDLOCK + "', files cannot be closed off here: the kernel has no Landlock"
    })
    void shouldNotServeWhereWhatIsRequiredIsMissing(String missing, String why) throws Exception {
        var child = serve(missing, "--sandbox=require");
        var said = child.inputReader().lines().collect(Collectors.joining("\n"));
        assertThat(said).startsWith("muser serve: --sandbox=require: " + why).hasLineCount(1);
        assertThat(child.waitFor(30, TimeUnit.SECONDS)).as("the process ends").isTrue();
        assertThat(child.exitValue()).isEqualTo(ExitCode.USAGE);
        assertThat(socket()).doesNotExist();
    }
}
