package dev.muser.cli;

import static dev.muser.cli.Invocation.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.conform.Conformance;
import dev.muser.conform.ConformanceOptions;
import dev.muser.conform.Outcome;
import dev.muser.conform.Report;
import dev.muser.conform.TextReport;
import dev.muser.device.pci.PciDevice;
import dev.muser.devices.DeviceModel;
import dev.muser.devices.Devices;
import dev.muser.linux.UnixListener;
import dev.muser.server.DeviceServer;
import dev.muser.server.Loop;
import dev.muser.server.LoopPolicy;
import dev.muser.server.ServerOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.jr.ob.JSON;

/** {@code muser conform}, and what it says of the devices that ship. */
class ConformCommandTest {
    @TempDir private Path folder = Path.of("");

    private record Served(Loop loop, DeviceServer server) implements AutoCloseable {
        @Override
        public void close() {
            server.close();
            loop.close();
        }
    }

    private Path socket() {
        return folder.resolve("d.sock");
    }

    private Served serve(String device) {
        var factory = Devices.find(device).orElseThrow().factory(Map.of());
        var loop = Loop.start("conform", LoopPolicy.BLOCKING, OptionalInt.empty());
        return new Served(
                loop,
                DeviceServer.listen(
                        loop,
                        events -> PciDevice.create(factory, events),
                        socket(),
                        ServerOptions.DEFAULTS));
    }

    /**
     * Two notes are decisions: the same mapping again is no error, as with libvfio-user; and limits
     * are told to clients that did not tell theirs, since they would assume others.
     */
    @ParameterizedTest
    @MethodSource("devices")
    void shouldFindNothingWrongWithTheDevicesThatShip(String name) {
        try (var _ = serve(name)) {
            var report = new Conformance(socket(), ConformanceOptions.DEFAULTS, _ -> {}).run();
            assertThat(story(report, Outcome.FAILED, Outcome.NOT_RUN)).isEmpty();
            assertThat(report.conforms()).isTrue();
            assertThat(report.results())
                    .filteredOn(result -> result.outcome() == Outcome.NOTED)
                    .as(() -> story(report, Outcome.NOTED))
                    .extracting(result -> result.about().id())
                    .containsExactly("version/subset", "dma-map/same");
        }
    }

    private static Stream<String> devices() {
        return Devices.all().stream().map(DeviceModel::name);
    }

    private static String story(Report report, Outcome... outcomes) {
        return report.results().stream()
                .filter(result -> List.of(outcomes).contains(result.outcome()))
                .map(result -> TextReport.line(result) + TextReport.record(result))
                .collect(Collectors.joining());
    }

    @Test
    void shouldPrintProblemsAndSums() {
        try (var _ = serve("edu")) {
            var printed = run("conform", socket().toString(), "--only", "dma-map,device-info");
            assertThat(printed.err()).isEmpty();
            assertThat(printed.code()).isZero();
            assertThat(printed.out())
                    .contains("note         dma-map/same: ")
                    .doesNotContain("ok ")
                    .containsPattern("dma-map +\\d+ passed, 1 passed with a note")
                    .containsPattern("device-info +11 passed\n")
                    .containsPattern("\\d+ cases: \\d+ passed, 1 passed with a note");
        }
    }

    @Test
    void shouldPrintEveryCaseAndThenEveryMessageWhenAskedForMore() {
        try (var _ = serve("edu")) {
            var command = new String[] {"conform", socket().toString(), "--only=device-info/reply"};
            assertThat(run(command).out()).doesNotContain("device-info/reply");
            var verbose = run(command[0], command[1], command[2], "-v").out();
            assertThat(verbose)
                    .contains("ok           device-info/reply: ")
                    .doesNotContain("sent ");
            assertThat(run(command[0], command[1], command[2], "-vv").out())
                    .containsPattern("sent +DEVICE_GET_INFO id \\d+ size 32: argsz 16")
                    .containsPattern("expected argsz 16")
                    .containsPattern("got +DEVICE_GET_INFO reply id \\d+ size 32: argsz 16")
                    .contains("2000 0000 0100 0000 0000 0000 1000 0000");
        }
    }

    @Test
    void shouldPrintJsonAndWriteJUnitsXml() throws IOException {
        var file = folder.resolve("junit.xml");
        try (var _ = serve("edu")) {
            var printed =
                    run(
                            "conform",
                            socket().toString(),
                            "--json",
                            "--only=device-info/*",
                            "--junit=" + file);
            var report = JSON.std.mapFrom(printed.out());
            assertThat(report).containsEntry("conforms", true).containsKeys("counts", "cases");
            assertThat(report.get("cases"))
                    .asInstanceOf(InstanceOfAssertFactories.LIST)
                    .hasSize(11);
        }
        assertThat(Files.readString(file))
                .startsWith("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"11\"")
                .contains("<testsuite name=\"vfio-user.device-info\" tests=\"11\" failures=\"0\"")
                .contains("<testcase classname=\"vfio-user.device-info\" name=\"argsz-large\"");
    }

    @Test
    void shouldFailWithAServerThatDoesNotSpeakTheProtocol() throws Exception {
        try (var listener = UnixListener.bind(socket(), 1)) {
            var deaf =
                    Thread.ofPlatform()
                            .start(() -> {
                                while (!Thread.currentThread().isInterrupted()) {
                                    var client = listener.accept();
                                    if (client != null) {
                                        client.close();
                                    }
                                    Thread.onSpinWait();
                                }
                            });
            var printed = run("conform", socket().toString(), "--only=device-info", "--timeout=2s");
            assertThat(printed.code()).isEqualTo(1);
            assertThat(printed.out())
                    .contains("FAILED       session/queries: ")
                    .contains("the server closed the connection")
                    .contains("NOT RUN      device-info/reply: ")
                    .contains("12 cases: 1 failed, 11 not run");
            deaf.interrupt();
            deaf.join();
        }
    }

    @Test
    void shouldListCases() {
        var all = run("conform", "--list");
        assertThat(all.code()).isZero();
        assertThat(all.out().lines()).hasSameSizeAs(Conformance.cases());
        var some = run("conform", "--list", "--only", "dma-unmap/a*");
        assertThat(some.out().lines())
                .hasSize(6)
                .first()
                .isEqualTo(
                        "MUST    dma-unmap/again: what was removed can be mapped again, and other"
                                + " memory there");
        assertThat(run("conform", "--list", "--json").out()).startsWith("[").contains("\"must\"");
    }

    @Test
    void shouldRefuseWrongCommandLines() {
        assertThat(run("conform"))
                .isEqualTo(
                        new Invocation(
                                2, "", "muser conform: which socket? (--list needs none)\n"));
        assertThat(run("conform", socket().toString()).err())
                .isEqualTo(
                        "muser conform: there is no socket at %s: is the device being served?\n"
                                .formatted(socket()));
        assertThat(run("conform", socket().toString()).code()).isEqualTo(2);
        assertThat(run("conform", "--list", "--only", "dma-mep").err())
                .isEqualTo(
                        "muser conform: --only 'dma-mep' means no case: see muser conform"
                                + " --list\n");
        assertThat(run("conform", "--list", "--only", "[").err())
                .isEqualTo("muser conform: --only '[' is not a glob\n");
        assertThat(run("conform", "--list", "--timeout", "0s").err())
                .isEqualTo("muser conform: --timeout must be at least 1ms\n");
    }
}
