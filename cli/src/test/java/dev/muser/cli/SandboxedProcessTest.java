package dev.muser.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.cli.control.ServingProcess;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.edu.EduDriver;
import dev.muser.linux.PeerCredentials;
import dev.muser.linux.ProcessStatus;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a serving process has given up, as the kernel and {@code muser inspect} say it. */
class SandboxedProcessTest {
    private static final int USER = 64321; // of nobody on this machine
    private static final int GROUP = 64322;

    @TempDir private Path folder = Path.of("");
    private @Nullable Process process;

    @AfterEach
    void killTheChild() {
        if (process != null) {
            process.destroyForcibly();
        }
    }

    private Process serve(String... options) throws IOException {
        var words = new ArrayList<>(List.of("serve", "edu", "-q", "-s", socket().toString()));
        words.addAll(List.of(options));
        return start(JavaCommand.muser(words.toArray(String[]::new)));
    }

    private Process start(List<String> command) throws IOException {
        var child = new ProcessBuilder(command).redirectErrorStream(true).start();
        process = child;
        assertThat(child.inputReader().readLine()).isEqualTo("ready");
        return child;
    }

    private Path socket() {
        return folder.resolve("edu.sock");
    }

    private void drive() {
        try (var device = RemoteDevice.connect(socket());
                var function = new PciFunction(device)) {
            assertThat(new EduDriver(function).factorial(5)).isEqualTo(120);
        }
    }

    private String inspected(String... more) {
        var words = new ArrayList<>(List.of("inspect", "--process", socket().toString()));
        words.addAll(List.of(more));
        var arguments = words.toArray(String[]::new);
        var out = new StringWriter();
        assertThat(Main.commandLine(arguments).setOut(new PrintWriter(out)).execute(arguments))
                .isZero();
        return out.toString();
    }

    private static void end(Process child) throws InterruptedException {
        child.destroy();
        assertThat(child.waitFor(30, TimeUnit.SECONDS)).as("the process ends").isTrue();
        assertThat(child.exitValue()).isZero();
    }

    @Test
    void shouldServeWithAllThreadsConfined() throws Exception {
        var child = serve("--sandbox", "require");
        var status = ProcessStatus.of(child.pid());
        assertThat(status.threads()).isGreaterThan(5);
        assertThat(status.seccomp()).containsExactly("2");
        assertThat(status.noNewPrivileges()).containsExactly("1");
        drive();
        assertThat(inspected())
                .contains(
                        "process              " + child.pid() + ", ",
                        "user                 " + PeerCredentials.ownUid() + "\n",
                        "no new privileges    yes\n",
                        "system calls         filtered\n",
                        "landlock             threads that serve (the process's own word)\n");
        assertThat(inspected("--json"))
                .contains("\"noNewPrivileges\" : true", "\"systemCallsFiltered\" : true")
                .contains("\"landlock\" : \"threads that serve\"");
        end(child);
        assertThat(socket()).doesNotExist();
    }

    @Test
    void shouldServeWithoutWhenTold() throws Exception {
        var child = serve("--sandbox=off");
        assertThat(ProcessStatus.of(child.pid()).seccomp()).containsExactly("0");
        drive();
        assertThat(inspected())
                .contains("system calls         not filtered\n", "landlock             no (the");
        assertThat(inspected("--json")).contains("\"systemCallsFiltered\" : false");
        end(child);
    }

    @Test
    void shouldBecomeAnotherUserInAllThreads() throws Exception {
        if (PeerCredentials.ownUid() != 0) {
            shouldRefuseToBecomeAnotherUser();
            return;
        }
        Files.setAttribute(folder, "unix:uid", USER);
        var child = serve("--user", USER + ":" + GROUP);
        var status = ProcessStatus.of(child.pid());
        assertThat(status.threads()).isGreaterThan(5);
        assertThat(status.uids()).isEqualTo(Set.of("64321 64321 64321 64321"));
        assertThat(status.gids()).isEqualTo(Set.of("64322 64322 64322 64322"));
        assertThat(status.groups()).containsExactly("");
        assertThat(status.capabilities()).containsExactly("0000000000000000");
        assertThat(Files.getAttribute(socket(), "unix:uid")).isEqualTo(USER);
        drive();
        assertThat(inspected())
                .contains(
                        "user                 64321\n",
                        "group                64322\n",
                        "supplementary groups none\n",
                        "capabilities         none\n");
        end(child);
        assertThat(socket()).doesNotExist();
    }

    @Test
    void shouldHoldForTheCodeOfADevice() throws Exception {
        var outside = Files.createDirectory(folder.resolve("outside"));
        var file = Files.writeString(outside.resolve("file"), "secret");
        try (var server = new ServerSocket(0, 9, InetAddress.getLoopbackAddress())) {
            var command = JavaCommand.muser();
            command.removeLast();
            command.add(Intruder.class.getName());
            var inside = Files.createDirectory(folder.resolve("inside")).resolve("s");
            command.addAll(List.of(inside.toString(), file.toString()));
            command.add(Integer.toString(server.getLocalPort()));
            start(command);
            try (var device = RemoteDevice.connect(inside);
                    var function = new PciFunction(device)) {
                assertThat(tried(function, Intruder.READ_JAVA)).isEqualTo(Intruder.WORKED);
                assertThat(tried(function, Intruder.READ)).isEqualTo(Intruder.EACCES);
                assertThat(tried(function, Intruder.WRITE)).isEqualTo(Intruder.EACCES);
                assertThat(tried(function, Intruder.MAKE)).isEqualTo(Intruder.EACCES);
                assertThat(tried(function, Intruder.CONNECT)).isEqualTo(Intruder.EPERM);
                assertThat(tried(function, Intruder.START)).isEqualTo(Intruder.EPERM);
            }
        }
        assertThat(file).hasContent("secret");
        assertThat(outside.resolve("made")).doesNotExist();
    }

    private static int tried(PciFunction function, int what) {
        function.bar(0).write32(Intruder.REGISTER, what);
        return function.bar(0).read32(Intruder.REGISTER);
    }

    @Test
    void shouldSayWhoseFilesAreRestricted() throws Exception {
        assertThat(inspectedDisk())
                .contains("landlock             threads that serve (the process's");
        assertThat(inspectedDisk("--no-control"))
                .contains("landlock             threads that serve (the process's");
        assertThat(inspectedDisk("--sandbox=off"))
                .contains("landlock             no (the process's");
    }

    private String inspectedDisk(String... options) throws Exception {
        var words =
                new ArrayList<>(
                        List.of("serve", "nvme", "-q", "--memory=1M", "-s", socket().toString()));
        words.addAll(List.of(options));
        var child = start(JavaCommand.muser(words.toArray(String[]::new)));
        var said = inspected();
        end(child);
        return said;
    }

    /** What there is to see where tests do not run as root. */
    private void shouldRefuseToBecomeAnotherUser() {
        var words = new String[] {"serve", "edu", "--user", "1:1", "-s", socket().toString()};
        var err = new StringWriter();
        assertThat(Main.commandLine(words).setErr(new PrintWriter(err)).execute(words))
                .isEqualTo(ExitCode.USAGE);
        assertThat(err.toString()).contains("only root can become another user");
        assertThat(socket()).doesNotExist();
    }

    @Test
    void shouldKeepADeviceAsAnotherUser() throws Exception {
        if (PeerCredentials.ownUid() != 0) {
            shouldRefuseToBecomeAnotherUser();
            return;
        }
        Files.setAttribute(folder, "unix:uid", USER);
        var command =
                JavaCommand.kept(
                        List.of(),
                        "serve",
                        "edu",
                        "--keep",
                        "-q",
                        "--user",
                        USER + ":" + GROUP,
                        "-s",
                        socket().toString());
        var keeper = start(readableByAll(command));
        var serving = new ServingProcess(socket());
        try (var device = RemoteDevice.connect(socket());
                var function = new PciFunction(device)) {
            var driver = new EduDriver(function);
            assertThat(driver.factorial(5)).isEqualTo(120);
            long first = serving.id();
            assertThat(ProcessHandle.of(first).orElseThrow().destroyForcibly()).isTrue();
            long second = serving.awaitOther(first);
            assertThat(driver.factorial(6)).isEqualTo(720);
            requireConfined(second);

            assertThat(serving.upgrade()).isEqualTo(second);
            long third = serving.awaitOther(second);
            assertThat(driver.factorial(7)).isEqualTo(5040);
            requireConfined(third);
            assertThat(inspected())
                    .contains("process              " + third, "landlock             threads that");
        }
        end(keeper);
    }

    private static void requireConfined(long pid) throws IOException {
        var status = ProcessStatus.of(pid);
        assertThat(status.uids()).isEqualTo(Set.of("64321 64321 64321 64321"));
        assertThat(status.capabilities()).containsExactly("0000000000000000");
        assertThat(status.seccomp()).containsExactly("2");
    }

    /** The next process after an upgrade is the user's from its start. */
    private List<String> readableByAll(List<String> command) throws IOException {
        var copies = Files.createDirectory(folder.resolve("lib"));
        var readable = new HashMap<String, String>();
        var result = new ArrayList<>(command);
        for (int i = 1; i < command.size(); i++) {
            if (command.get(i - 1).equals("-cp")) {
                var path = new ArrayList<String>();
                for (var entry : command.get(i).split(":", -1)) {
                    if (!readable.containsKey(entry)) {
                        readable.put(
                                entry, copy(Path.of(entry), copies.resolve("" + i + path.size())));
                    }
                    path.add(readable.get(entry));
                }
                result.set(i, String.join(":", path));
            }
        }
        return result;
    }

    private static String copy(Path from, Path to) throws IOException {
        try (var files = Files.walk(from)) {
            for (var file : files.toList()) {
                Files.copy(file, to.resolve(from.relativize(file).toString()));
            }
        }
        return to.toString();
    }
}
