package dev.muser.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A process that has restricted itself, and tries all the same. */
final class SandboxTest {
    private final SandboxedProcess process = new SandboxedProcess();

    @AfterEach
    void kill() {
        process.close();
    }

    private long start(String... needs) throws IOException {
        return process.start(needs);
    }

    private String told(String order) throws IOException {
        return process.told(order);
    }

    /** Returns each thread's values of a field of its status. */
    private static List<String> each(long pid, String field) throws IOException {
        var values = new ArrayList<String>();
        try (var tasks = Files.list(Path.of("/proc/" + pid + "/task"))) {
            for (var task : tasks.toList()) {
                Files.readAllLines(task.resolve("status")).stream()
                        .filter(line -> line.startsWith(field + ":"))
                        .forEach(line -> values.add(line.substring(field.length() + 1).strip()));
            }
        }
        return values;
    }

    @Test
    void shouldHoldForEveryThreadOfTheJvm() throws IOException {
        long pid = start();
        assertThat(each(pid, "Seccomp")).hasSizeGreaterThan(5).containsOnly("0");
        assertThat(told("restrict")).isEqualTo("restricted");
        assertThat(each(pid, "Seccomp")).hasSizeGreaterThan(5).containsOnly("2");
        assertThat(each(pid, "NoNewPrivs")).hasSizeGreaterThan(5).containsOnly("1");
    }

    @Test
    void shouldRefuseWhatServingDoesNotTakeAndGoOn() throws IOException {
        start();
        assertThat(told("call 41 2 1 0")).as("an IPv4 socket").isEqualTo("ok");
        assertThat(told("start /bin/pwd")).startsWith("/");

        assertThat(told("restrict")).isEqualTo("restricted");
        assertThat(told("call 101 0")).as("ptrace").isEqualTo("EPERM");
        assertThat(told("call 41 2 1 0")).as("an IPv4 socket").isEqualTo("EPERM");
        assertThat(told("call 59 0 0 0")).as("execve").isEqualTo("EPERM");
        assertThat(told("call 425 2 0")).as("io_uring_setup").isEqualTo("ENOSYS");
        assertThat(told("call 62 1 0")).as("kill").isEqualTo("EPERM");
        assertThat(told("call 62 " + process.pid() + " 0")).as("kill itself").isEqualTo("ok");
        assertThat(told("start /bin/pwd")).startsWith("IOException");

        assertThat(told("call 41 1 1 0")).as("a UNIX socket").isEqualTo("ok");
        assertThat(told("read /proc/self/status")).startsWith("read ");
        assertThat(told("signal")).isEqualTo("count 1");
        assertThat(told("threads 50")).isEqualTo("threads 50");
        assertThat(told("garbage")).isEqualTo("garbage 200000000");
    }

    @Test
    void shouldLetProgramsBeStartedThatInheritTheFilter() throws IOException {
        start("programs");
        assertThat(told("restrict")).isEqualTo("restricted");
        assertThat(told("start /bin/pwd")).startsWith("/");
        assertThat(told("call 41 2 1 0")).as("an IPv4 socket").isEqualTo("EPERM");
        assertThat(told("restrict")).as("as a successor does").isEqualTo("restricted");
        assertThat(told("signal")).isEqualTo("count 1");
    }

    @Test
    void shouldLetTheNetworkAndNewRingsBeUsedWhereTheyAreNeeded() throws IOException {
        start("network", "uring");
        assertThat(told("restrict")).isEqualTo("restricted");
        assertThat(told("call 41 2 1 0")).as("an IPv4 socket").isEqualTo("ok");
        assertThat(told("call 425 2 0")).as("io_uring_setup without memory").isEqualTo("EFAULT");
        assertThat(told("start /bin/pwd")).startsWith("IOException");
    }
}
