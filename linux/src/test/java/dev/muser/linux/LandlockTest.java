package dev.muser.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A thread of a process that has restricted itself, and tries all the same. */
final class LandlockTest {
    @TempDir private Path folder = Path.of("");
    private final SandboxedProcess process = new SandboxedProcess();

    @AfterEach
    void kill() {
        process.close();
    }

    private String told(String order) throws IOException {
        return process.told(order);
    }

    private Path file(String name) throws IOException {
        return Files.writeString(folder.resolve(name), "12345678");
    }

    /** Rights as {@code include/uapi/linux/landlock.h} of that version has them. */
    @ParameterizedTest
    @CsvSource({
        "0, 0, 0",
        "1, 0x1fff, 0",
        "2, 0x3fff, 0",
        "3, 0x7fff, 0",
        "4, 0x7fff, 3",
        "5, 0xffff, 3",
        "6, 0xffff, 3",
        "7, 0xffff, 3",
        "8, 0xffff, 3",
        "99, 0xffff, 3"
    })
    void shouldHandleTheRightsOfTheVersion(int version, String files, int connections) {
        assertThat(LandlockRuleset.handledFiles(version)).isEqualTo(Long.decode(files));
        assertThat(LandlockRuleset.handledConnections(version, false)).isEqualTo(connections);
        assertThat(LandlockRuleset.handledConnections(version, true)).isEqualTo(connections & 1);
    }

    @Test
    void shouldRefuseFilesThatAreNotAllowed() throws IOException {
        var readable = file("readable");
        var writable = file("writable");
        var other = file("other");
        process.start();
        assertThat(told("read " + other)).isEqualTo("read 8");

        assertThat(told("confine r:" + readable + " w:" + writable)).isEqualTo("confined");
        assertThat(told("read " + other)).isEqualTo("AccessDeniedException");
        assertThat(told("write " + other)).isEqualTo("EACCES");
        assertThat(told("make " + folder.resolve("new"))).isEqualTo("EACCES");
        assertThat(told("socket " + folder.resolve("socket"))).isEqualTo("EACCES");
        assertThat(told("read " + readable)).isEqualTo("read 8");
        assertThat(told("write " + readable)).isEqualTo("EACCES");
        assertThat(told("write " + writable)).isEqualTo("ok");
        assertThat(told("cut " + writable)).isEqualTo("EACCES");
        assertThat(told("read " + writable)).isEqualTo("AccessDeniedException");
        assertThat(told("start /bin/pwd")).isEqualTo("IOException");

        assertThat(told("in-a-new-thread read " + other)).isEqualTo("AccessDeniedException");
        assertThat(told("ring-read " + other)).isEqualTo("EACCES");
        assertThat(told("ring-read " + readable)).isEqualTo("ok");
        assertThat(Files.readString(other)).isEqualTo("12345678");
        assertThat(folder.resolve("new")).doesNotExist();
    }

    /** What there is to know of what a JVM does by itself. */
    @Test
    void shouldGoOnWithClassesAndMemoryAndWhatIsOpen() throws IOException {
        var image = file("image");
        process.start();
        assertThat(told("confine")).isEqualTo("confined");
        assertThat(told("load dev.muser.linux.TimerFd")).isEqualTo("loaded");
        assertThat(told("load java.nio.channels.FileLock")).isEqualTo("loaded");
        assertThat(told("threads 50")).isEqualTo("threads 50");
        assertThat(told("garbage")).isEqualTo("garbage 200000000");
        assertThat(told("memory")).isEqualTo("size 4096");
        assertThat(told("read /proc/self/status")).startsWith("read ");
        assertThat(told("read /proc/" + ProcessHandle.current().pid() + "/status"))
                .as("another process")
                .isEqualTo("AccessDeniedException");

        assertThat(told("main-open " + image)).as("by a thread outside").isEqualTo("opened");
        assertThat(told("use")).isEqualTo("written, anew EACCES");
        assertThat(told("main-read " + image)).isEqualTo("read 8");
    }

    @Test
    void shouldAllowNothingWhereThereIsNothingToAllow() throws IOException {
        try (var rules = LandlockRuleset.create(false)) {
            assertThat(rules.allow(folder, LandlockRuleset.READ)).isTrue();
            assertThat(rules.allow(folder.resolve("none"), LandlockRuleset.READ)).isFalse();
            assertThat(rules.allow(file("file").resolve("x"), LandlockRuleset.READ)).isFalse();
            assertThat(rules.allow(file("file"), LandlockRuleset.MAKE_SOCK))
                    .as("what only a folder can have")
                    .isFalse();
            assertThat(rules.allow(file("file"), LandlockRuleset.ALL)).isTrue();
        }
    }

    @Test
    void shouldAllowSocketsInAFolder() throws IOException {
        process.start();
        assertThat(told("confine m:" + folder)).isEqualTo("confined");
        var socket = folder.resolve("socket");
        assertThat(told("socket " + socket)).isEqualTo("listens");
        assertThat(socket).doesNotExist();
        assertThat(told("make " + folder.resolve("file"))).isEqualTo("EACCES");
    }

    @Test
    void shouldAllowConnectionsToAPort() throws IOException {
        try (var allowed = new ServerSocket(0, 9, InetAddress.getLoopbackAddress());
                var other = new ServerSocket(0, 9, InetAddress.getLoopbackAddress())) {
            process.start();
            assertThat(told("connect " + other.getLocalPort())).isEqualTo("connected");
            assertThat(told("confine port:" + allowed.getLocalPort())).isEqualTo("confined");
            assertThat(told("connect " + allowed.getLocalPort())).isEqualTo("connected");
            assertThat(told("connect " + other.getLocalPort()))
                    .isEqualTo(LandlockRuleset.version() < 4 ? "connected" : "EACCES");
        }
    }

    @Test
    void shouldRestrictAllThreadsWhereTheKernelCan() throws IOException {
        var other = file("other");
        process.start();
        boolean can = LandlockRuleset.version() >= 8;
        assertThat(told("confine-all")).isEqualTo(can ? "confined" : "cannot");
        assertThat(told("main-read " + other)).isEqualTo(can ? "AccessDeniedException" : "read 8");
    }
}
