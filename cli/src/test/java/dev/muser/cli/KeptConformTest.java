package dev.muser.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.conform.Conformance;
import dev.muser.conform.ConformanceOptions;
import dev.muser.conform.Outcome;
import dev.muser.conform.TextReport;
import dev.muser.device.pci.PciDevice;
import dev.muser.devices.DeviceModel;
import dev.muser.devices.Devices;
import dev.muser.server.DeviceServer;
import dev.muser.server.Keeping;
import dev.muser.server.Loop;
import dev.muser.server.LoopPolicy;
import dev.muser.server.ServerOptions;
import dev.muser.service.LocalStore;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What {@code muser conform} says of devices that outlive their process: nothing else. */
class KeptConformTest {
    private static final Set<Outcome> REMARKABLE =
            EnumSet.of(Outcome.NOTED, Outcome.FAILED, Outcome.NOT_RUN);

    @TempDir private Path folder = Path.of("");

    private static Stream<String> devices() {
        return Devices.all().stream().map(DeviceModel::name);
    }

    @ParameterizedTest
    @MethodSource("devices")
    void shouldFindNothingWrongWithDevicesThatAreKept(String name) {
        var factory = Devices.find(name).orElseThrow().factory(Map.of());
        var socket = folder.resolve("d.sock");
        try (var store = new LocalStore();
                var loop = Loop.start("conform", LoopPolicy.BLOCKING, OptionalInt.empty());
                var _ =
                        DeviceServer.keep(
                                loop,
                                (events, home) -> PciDevice.create(factory, events, home),
                                socket,
                                ServerOptions.DEFAULTS,
                                new Keeping(name, store))) {
            var report = new Conformance(socket, ConformanceOptions.DEFAULTS, _ -> {}).run();
            var problems =
                    report.results().stream()
                            .filter(result -> REMARKABLE.contains(result.outcome()))
                            .toList();
            assertThat(problems)
                    .as(() ->
                            problems.stream()
                                    .map(each -> TextReport.line(each) + TextReport.record(each))
                                    .collect(Collectors.joining()))
                    .extracting(result -> result.about().id())
                    .containsExactly("version/subset", "dma-map/same"); // as of all devices
        }
    }
}
