package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(DescriptorLeaks.class)
class ChildProcessTest {
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final Map<String, String> PATH = Map.of("PATH", System.getenv("PATH"));

    private static ChildProcess shell(String script, Fd... inherited) {
        return ChildProcess.start(List.of("/bin/sh", "-c", script), PATH, List.of(inherited));
    }

    /** Runs a script whose descriptor 3 is a pipe, and returns what it wrote there. */
    private static String output(String script, Map<String, String> environment, List<Fd> more) {
        try (var pipe = Pipe.create();
                var arena = Arena.ofConfined()) {
            pipe.sink().nonBlocking(false);
            pipe.source().nonBlocking(false);
            var inherited = new ArrayList<Fd>();
            inherited.add(pipe.sink());
            inherited.addAll(more);
            try (var child =
                    ChildProcess.start(List.of("/bin/sh", "-c", script), environment, inherited)) {
                assertThat(child.await(LONG)).isEqualTo(new ExitStatus(0, 0, false));
            }
            pipe.sink().close();
            var bytes = arena.allocate(65536);
            int n = pipe.source().read(bytes, 0, 65536);
            return new String(bytes.asSlice(0, n).toArray(JAVA_BYTE), UTF_8);
        }
    }

    @Test
    void shouldReportHowItEnded() {
        try (var child = shell("exit 3")) {
            var status = Objects.requireNonNull(child.await(LONG));
            assertThat(status).isEqualTo(new ExitStatus(3, 0, false)).hasToString("exit code 3");
            assertThat(status.shellCode()).isEqualTo(3);
            assertThat(child.poll()).isEqualTo(status);
            assertThatExceptionOfType(SyscallException.class)
                    .as("it has been reaped")
                    .isThrownBy(() -> ChildProcess.of(child.pid()))
                    .returns(Errno.ESRCH, SyscallException::errno);
        }
        try (var child = shell("kill -KILL $$")) {
            var status = Objects.requireNonNull(child.await(LONG));
            assertThat(status).isEqualTo(new ExitStatus(-1, 9, false)).hasToString("SIGKILL");
            assertThat(status.shellCode()).isEqualTo(137);
        }
    }

    @Test
    void shouldSignalIt() {
        try (var child = shell("exec sleep 1000")) {
            assertThat(child.poll()).isNull();
            child.signal(PidFd.SIGTERM);
            assertThat(child.await(LONG)).isEqualTo(new ExitStatus(-1, 15, false));
            child.signal(PidFd.SIGKILL); // of no process by now
        }
    }

    @Test
    void shouldGiveTheEnvironmentAndNoOther() {
        var environment =
                Map.of("PATH", System.getenv("PATH"), "GREETING", "gr\u00fc\u00df = dich");
        assertThat(output("printf '%s' \"$GREETING,${HOME-none}\" >&3", environment, List.of()))
                .isEqualTo("gr\u00fc\u00df = dich,none");
    }

    @Test
    void shouldGiveTheDescriptorsTheirNumbersAndNoOthers() {
        try (var hidden = MemoryFile.create("hidden", 1);
                var a = MemoryFile.create("muser-a", 1);
                var b = MemoryFile.create("muser-b", 1);
                var c = MemoryFile.create("muser-c", 1)) {
            hidden.inheritable(true);
            // the shell's own look at the folder is gone by the time that it is looked up
            var script =
                    "exec >&3; for i in 4 5 6; do readlink /proc/$$/fd/$i; done;"
                            + " for f in /proc/$$/fd/*; do"
                            + " [ ${f##*/} -lt 7 ] || [ ! -e $f ] || readlink $f; done";
            assertThat(output(script, PATH, List.of(b, c, a)))
                    .isEqualTo(
                            """
                            /memfd:muser-b (deleted)
                            /memfd:muser-c (deleted)
                            /memfd:muser-a (deleted)
                            """);
        }
    }

    @Test
    void shouldGiveHundredsOfDescriptorsInAnyOrder() {
        var files = new ArrayList<Fd>();
        try {
            for (int i = 0; i < 500; i++) {
                files.add(MemoryFile.create("m" + i, 1));
            }
            var order = new ArrayList<Fd>(files);
            Collections.shuffle(order, new Random(42));
            var expected = new StringBuilder();
            for (var fd : order) {
                expected.append("/memfd:m").append(files.indexOf(fd)).append(" (deleted)\n");
            }
            var script =
                    "i=4; while [ $i -lt 504 ]; do readlink /proc/$$/fd/$i; i=$((i+1)); done >&3";
            assertThat(output(script, PATH, order)).isEqualTo(expected.toString());
        } finally {
            files.forEach(Fd::close);
        }
    }

    @Test
    void shouldReportThatThereIsNoSuchProgram() {
        assertThatExceptionOfType(SyscallException.class)
                .isThrownBy(() -> ChildProcess.start(List.of("/no/such/program"), PATH, List.of()))
                .returns(Errno.ENOENT, SyscallException::errno)
                .withMessageContaining("/no/such/program");
    }

    @Test
    void shouldStartItWithNoSignalBlocked() {
        assertThat(output("exec grep SigBlk /proc/self/status >&3", PATH, List.of()))
                .isEqualTo("SigBlk:\t0000000000000000\n");
    }

    @Test
    void shouldFollowAProcessOfAnother() throws Exception {
        var sleep = new ProcessBuilder("sleep", "1000").start();
        try (var followed = ChildProcess.of(sleep.pid())) {
            assertThat(followed.poll()).isNull();
            followed.signal(PidFd.SIGKILL);
            // either the JVM, its parent, has been told by then, or this is the one who is
            assertThat(followed.await(LONG)).isIn(ExitStatus.UNKNOWN, new ExitStatus(-1, 9, false));
        } finally {
            sleep.destroyForcibly().waitFor();
            sleep.getInputStream().close();
            sleep.getErrorStream().close();
            sleep.getOutputStream().close();
        }
    }

    @Test
    void shouldReapOrphans() {
        Subreaper.become();
        var pid = new long[1];
        try (var child = shell("sleep 1000 & sleep 1001 & exit $(( $! % 200 ))")) {
            var status = Objects.requireNonNull(child.await(LONG));
            assertThat(status.code()).isBetween(0, 199);
        }
        var orphans = sleepingChildren();
        while (orphans.size()
                < 2) { // the shell may end before what it has begun is another program
            Thread.onSpinWait();
            orphans = sleepingChildren();
        }
        for (var orphan : orphans) {
            try (var process = PidFd.open(orphan.pid())) {
                process.signal(PidFd.SIGKILL);
                assertThat(process.awaitExit(LONG)).isTrue();
            }
            pid[0] = Subreaper.endedChild();
            assertThat(pid[0]).isEqualTo(orphan.pid());
            assertThat(Subreaper.endedChild()).isEqualTo(orphan.pid());
            Subreaper.reap(pid[0]);
        }
        assertThat(Subreaper.endedChild()).isZero();
    }

    private static List<ProcessHandle> sleepingChildren() {
        return ProcessHandle.current().children().filter(ChildProcessTest::isSleep).toList();
    }

    private static boolean isSleep(ProcessHandle process) {
        return process.info().arguments().map(a -> a[0].startsWith("100")).orElse(false);
    }
}
