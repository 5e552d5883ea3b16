package dev.muser.cli;

import static dev.muser.cli.Invocation.refused;
import static dev.muser.cli.Invocation.said;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.NvmeNamespace;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Disks in a process of their own, their drivers and operators in this one. */
class NvmeProcessTest {
    @TempDir private Path folder = Path.of("");
    private final List<Process> processes = new ArrayList<>();

    @AfterEach
    void killTheChildren() {
        processes.forEach(Process::destroyForcibly);
    }

    private Process muser(String... arguments) throws IOException {
        var child =
                new ProcessBuilder(JavaCommand.muser(arguments)).redirectErrorStream(true).start();
        processes.add(child);
        return child;
    }

    private Process serve(Path socket, String... options) throws IOException {
        var words = new ArrayList<>(List.of("serve", "nvme", "-q", "-s", socket.toString()));
        words.addAll(List.of(options));
        var child = muser(words.toArray(String[]::new));
        assertThat(child.inputReader().readLine()).isEqualTo("ready");
        return child;
    }

    private static void end(Process child) throws InterruptedException {
        child.destroy();
        assertThat(child.waitFor(30, TimeUnit.SECONDS)).as("the process ends").isTrue();
        assertThat(child.exitValue()).isZero();
    }

    private interface Use {
        void with(NvmeDriver driver, PciFunction function) throws Exception;
    }

    private static void drive(Path socket, Use use) throws Exception {
        try (var device = RemoteDevice.connect(socket);
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, NvmeDriverOptions.DEFAULTS)) {
            use.with(driver, function);
        }
    }

    @Test
    void shouldKeepWhatWasWrittenInTheImage() throws Exception {
        var socket = folder.resolve("d.sock");
        var image = folder.resolve("d.img");
        var child = serve(socket, "--file", image.toString(), "--size", "8M");
        drive(
                socket,
                (driver, function) -> {
                    var disk = driver.namespaces().getFirst();
                    assertThat(disk.size()).isEqualTo(8 << 20);
                    var buffer = function.dma().allocate(4096);
                    buffer.segment().setString(0, "kept");
                    driver.sync(disk).write(8, 8, buffer, 0);
                    driver.sync(disk).flush();
                });
        end(child);
        assertThat(Files.size(image)).isEqualTo(8 << 20);
        try (var left = Files.list(folder)) {
            assertThat(left).containsExactly(image);
        }

        end(
                serveAgain(
                        socket,
                        image,
                        (driver, function) -> {
                            var buffer = function.dma().allocate(4096);
                            driver.sync(driver.namespaces().getFirst()).read(8, 8, buffer, 0);
                            assertThat(buffer.segment().getString(0)).isEqualTo("kept");
                        }));
    }

    private Process serveAgain(Path socket, Path image, Use use) throws Exception {
        var child = serve(socket, "--file", image.toString());
        drive(socket, use);
        return child;
    }

    @Test
    void shouldBeTheSameDiskAgainAndAnotherForAnotherImage() throws Exception {
        var serials = new ArrayList<String>();
        for (var name : List.of("a.img", "b.img", "a.img")) {
            var socket = folder.resolve("d.sock");
            var child = serve(socket, "--file", folder.resolve(name).toString(), "--size", "1M");
            drive(
                    socket,
                    (driver, function) ->
                            serials.add(
                                    driver.info().serial()
                                            + driver.namespaces().getFirst().uuid()));
            end(child);
        }
        assertThat(serials.get(0)).isEqualTo(serials.get(2)).isNotEqualTo(serials.get(1));
    }

    @Test
    void shouldServeWhatItsOptionsSay() throws Exception {
        var socket = folder.resolve("d.sock");
        serve(
                socket,
                "--memory=4M",
                "--block-size=4096",
                "--serial=S-1",
                "--model=Test disk",
                "--queues=3",
                "--namespace=null=2M,read-only",
                "--namespace=memory=1M,detached");
        drive(
                socket,
                (driver, function) -> {
                    assertThat(driver.info().serial()).isEqualTo("S-1");
                    assertThat(driver.info().model()).isEqualTo("Test disk");
                    assertThat(driver.namespaces())
                            .extracting(
                                    NvmeNamespace::id,
                                    NvmeNamespace::size,
                                    NvmeNamespace::blockSize,
                                    NvmeNamespace::readOnly)
                            .containsExactly(
                                    org.assertj.core.api.Assertions.tuple(1, 4L << 20, 4096, false),
                                    org.assertj.core.api.Assertions.tuple(2, 2L << 20, 512, true));
                });
    }

    @Test
    void shouldShowADiskThatIsInUseWithoutDisturbingItsDriver() throws Exception {
        var socket = folder.resolve("d.sock");
        serve(socket, "--memory", "4M");
        drive(
                socket,
                (driver, function) -> {
                    var disk = driver.namespaces().getFirst();
                    var buffer = function.dma().allocate(4096);
                    driver.sync(disk).write(0, 8, buffer, 0);

                    assertThat(said("inspect", socket.toString()))
                            .contains("(NVMe) [0108]", "ready", "4M  blocks of 512  read-write")
                            .contains("written 4,096 by 1", "submission   1", "completion   1");
                    assertThat(said("inspect", "--json", socket.toString()))
                            .contains("\"bytesWritten\" : 4096", "\"state\" : \"ready\"")
                            .contains("\"class\" : \"0x010802\"");

                    driver.sync(disk).read(0, 8, buffer, 0);
                });
    }

    @Test
    void shouldAddAndRemoveNamespacesWhileADriverIsThere() throws Exception {
        var socket = folder.resolve("d.sock").toString();
        var image = folder.resolve("more, or less.img");
        serve(Path.of(socket), "--memory", "4M");
        drive(
                Path.of(socket),
                (driver, function) -> {
                    assertThat(
                                    said(
                                            "namespace",
                                            "add",
                                            socket,
                                            "--file",
                                            image.toString(),
                                            "--size",
                                            "2M"))
                            .startsWith("added: namespace 2, " + image);
                    assertThat(driver.rescan()).hasSize(2);
                    var added = driver.namespaces().getLast();
                    assertThat(added.size()).isEqualTo(2 << 20);
                    var buffer = function.dma().allocate(4096);
                    buffer.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 7);
                    driver.sync(added).write(0, 8, buffer, 0);

                    assertThat(said("namespace", "list", socket)).contains("more, or less.img");
                    assertThat(said("namespace", "list", "--json", socket))
                            .contains("\"id\" : 2", "\"size\" : 2097152");
                    assertThat(said("namespace", "remove", socket, "2"))
                            .isEqualToIgnoringNewLines("removed: namespace 2");
                    assertThat(driver.rescan()).hasSize(1);
                });
        assertThat(Files.readAllBytes(image)[0]).isEqualTo((byte) 7);
        assertThat(refused("namespace", "remove", socket, "2")).contains("there is no namespace 2");
        assertThat(refused("namespace", "add", socket, "--file", folder.toString()))
                .contains("is a directory");
        assertThat(refused("namespace", "add", socket)).contains("say where the disk's bytes are");
    }

    @Test
    void shouldSurviveNonsenseOnItsControlSocket() throws Exception {
        var socket = folder.resolve("d.sock");
        var control = folder.resolve("d.sock.control");
        serve(socket, "--memory", "4M");
        assertThat(Files.getPosixFilePermissions(control))
                .isEqualTo(PosixFilePermissions.fromString("rw-------"));
        for (var line :
                List.of(
                        "",
                        "hello",
                        "[]",
                        "{\"command\":7}",
                        "{\"command\":\"remove\",\"id\":\"x\"}",
                        "{\"command\":\"remove\",\"id\":99999999999}",
                        "{\"command\":\"add\",\"namespace\":\"memory=,,,=\"}",
                        "[".repeat(5_000),
                        "\u0000\u0001\ufffd")) {
            assertThat(answer(control, line + "\n")).as(line).contains("\"error\":\"");
        }
        assertThat(answer(control, "x".repeat(1 << 20))).isEmpty();
        try (var silent = SocketChannel.open(UnixDomainSocketAddress.of(control))) {
            assertThat(silent.isConnected()).isTrue();
            assertThat(said("namespace", "list", socket.toString())).contains("memory of 4M");
        }
        drive(socket, (driver, function) -> assertThat(driver.namespaces()).hasSize(1));
    }

    /** Sends, and returns the line that comes back; empty when the connection is closed. */
    private static String answer(Path control, String text) throws IOException {
        try (var channel = SocketChannel.open(UnixDomainSocketAddress.of(control))) {
            try {
                var bytes = ByteBuffer.wrap(text.getBytes(UTF_8));
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
                var answer = ByteBuffer.allocate(4096);
                while (channel.read(answer) > 0 && answer.get(answer.position() - 1) != '\n') {}
                return new String(answer.array(), 0, answer.position(), UTF_8);
            } catch (IOException e) {
                return ""; // closed in the middle
            }
        }
    }

    @Test
    void shouldDoWithoutAControlSocket() throws Exception {
        var socket = folder.resolve("d.sock");
        serve(socket, "--memory", "4M", "--no-control");
        assertThat(folder.resolve("d.sock.control")).doesNotExist();
        assertThat(refused("namespace", "list", socket.toString()))
                .contains("there is no control socket beside " + socket);
        assertThat(said("inspect", socket.toString()))
                .contains("(NVMe) [0108]", "Agreed: protocol")
                .doesNotContain("Namespaces:");
    }

    @Test
    void shouldServeSeveralDisksInOneProcess() throws Exception {
        var socket = folder.resolve("d");
        var child = serve(socket, "--memory", "1M", "--count", "2");
        var serials = new ArrayList<String>();
        for (int i = 0; i < 2; i++) {
            drive(
                    Path.of(socket + "." + i),
                    (driver, function) -> serials.add(driver.info().serial()));
        }
        assertThat(serials.getFirst()).isNotEqualTo(serials.getLast());
        end(child);
        try (var left = Files.list(folder)) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void shouldShowADiskThatOutlivesItsProcess() throws Exception {
        var child = muser("demo", "--kills", "2");
        var lines = child.inputReader().lines().toList();
        assertThat(child.waitFor()).as(String.join("\n", lines)).isZero();
        assertThat(lines)
                .filteredOn(line -> line.contains(" went on; the longest command took "))
                .extracting(line -> line.substring(0, 15).strip().replaceAll(" +", " "))
                .containsExactly("1 killed", "2 upgraded", "3 killed");
        assertThat(lines).anyMatch(line -> line.endsWith(" was compared: 0 errors"));
        assertThat(lines).anyMatch(line -> line.contains("muser serve nvme --keep"));
    }

    @Test
    void shouldLeaveNothingBehindWhenTheDemoIsInterrupted() throws Exception {
        var child = muser("demo");
        var first = child.inputReader().readLine();
        assertThat(first).startsWith("A disk of 1GB, an image, runs in process ");
        var image = Path.of(first.substring(first.indexOf('/'), first.length() - 1));
        assertThat(image).exists();
        var others = child.descendants().toList();
        assertThat(others).hasSizeGreaterThanOrEqualTo(2); // a keeper, and what it keeps
        child.destroy();
        assertThat(child.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(image.getParent()).doesNotExist();
        for (var other : others) {
            other.onExit().get(30, TimeUnit.SECONDS);
        }
    }
}
