package dev.muser.testkit.guest;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the script says where it cannot fetch, each in one line; none of it reaches a network. */
class FetchScriptTest {
    private static final Path SCRIPT = Path.of("rig", "fetch").toAbsolutePath();

    @TempDir private Path temporary;
    private Path tools;

    record Outcome(int status, String output, String errors) {}

    /** A PATH that has nothing but what is named. */
    @BeforeEach
    void makeTools() throws IOException {
        tools = Files.createDirectory(temporary.resolve("tools"));
        offer("uname", "mkdir", "flock", "awk", "sed", "sort", "rm");
    }

    private void offer(String... names) throws IOException {
        for (var name : names) {
            fake(name, "exec /usr/bin/" + name + " \"$@\"");
        }
    }

    private void fake(String name, String command) throws IOException {
        var tool = Files.writeString(tools.resolve(name), "#!/bin/sh\n" + command + "\n");
        assertThat(tool.toFile().setExecutable(true)).isTrue();
    }

    private Outcome fetch(Map<String, String> environment) throws Exception {
        var builder = new ProcessBuilder("/bin/bash", SCRIPT.toString());
        builder.environment().clear();
        builder.environment().put("PATH", tools.toString());
        builder.environment().putAll(environment);
        var process = builder.start();
        process.getOutputStream().close();
        var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        var errors = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Outcome(process.waitFor(), output, errors);
    }

    private Map<String, String> cache() {
        return Map.of("MUSER_CACHE", temporary.resolve("cache").toString());
    }

    private static void assertOneLine(Outcome outcome, String... parts) {
        assertThat(outcome.status()).isEqualTo(1);
        assertThat(outcome.output()).isEmpty();
        assertThat(outcome.errors()).startsWith("rig: ").containsOnlyOnce("\n").contains(parts);
    }

    @Test
    void shouldAskForACacheWhenThereIsNoHome() throws Exception {
        assertOneLine(fetch(Map.of()), "HOME is not set", "MUSER_CACHE=DIRECTORY");
    }

    @Test
    void shouldAskForAnotherCacheWhenItCannotBeWritten() throws Exception {
        offer("apt-get", "dpkg-deb");
        assertOneLine(
                fetch(Map.of("HOME", "/proc")),
                "cannot write to /proc/.cache/muser",
                "MUSER_CACHE=DIRECTORY");
    }

    @Test
    void shouldSayThatAptIsMissing() throws Exception {
        assertOneLine(fetch(cache()), "apt-get is missing", "Debian");
    }

    @Test
    void shouldSayThatDpkgIsMissing() throws Exception {
        offer("apt-get");
        assertOneLine(fetch(cache()), "dpkg-deb is missing", "Debian");
    }

    @Test
    void shouldSayThatFlockIsMissing() throws Exception {
        offer("apt-get", "dpkg-deb");
        Files.delete(tools.resolve("flock"));
        assertOneLine(fetch(cache()), "flock is missing", "util-linux");
    }

    @Test
    void shouldRefuseAnotherArchitecture() throws Exception {
        fake("uname", "echo Linux riscv64");
        assertOneLine(fetch(cache()), "Linux x86_64 only", "Linux riscv64");
    }

    @Test
    void shouldSayThatTheKeyringIsMissing() throws Exception {
        offer("apt-get", "dpkg-deb");
        var environment =
                Map.of(
                        "MUSER_CACHE",
                        temporary.resolve("cache").toString(),
                        "MUSER_DEBIAN_KEYRING",
                        "/no/such/keyring");
        assertOneLine(fetch(environment), "apt-get install debian-archive-keyring");
    }

    @Test
    void shouldLeaveNothingBehindWhenTheMirrorCannotBeRead() throws Exception {
        offer("apt-get", "dpkg-deb", "head", "cat");
        var environment =
                Map.of(
                        "MUSER_CACHE",
                        temporary.resolve("cache").toString(),
                        "MUSER_DEBIAN_MIRROR",
                        "file:" + temporary.resolve("no-mirror"));
        var outcome = fetch(environment);
        assertThat(outcome.status()).isEqualTo(1);
        assertThat(outcome.errors()).contains("cannot read the lists of Debian's", "no-mirror");
        try (var left = Files.list(temporary.resolve("cache"))) {
            assertThat(left).containsExactly(temporary.resolve("cache/rig.lock"));
        }
    }

    @Test
    void shouldNeedNothingForWhatIsThereAlready() throws Exception {
        var rig = Files.createDirectories(temporary.resolve("cache/rig"));
        var recipe =
                Files.readAllLines(SCRIPT).stream()
                        .filter(line -> line.startsWith("RECIPE="))
                        .findFirst()
                        .orElseThrow()
                        .substring("RECIPE=".length());
        Files.writeString(rig.resolve("stamp"), "recipe " + recipe + "\n");
        try (var all = Files.list(tools)) {
            for (var tool : all.toList()) {
                Files.delete(tool);
            }
        }
        assertThat(fetch(cache())).isEqualTo(new Outcome(0, rig.toRealPath() + "\n", ""));
    }
}
