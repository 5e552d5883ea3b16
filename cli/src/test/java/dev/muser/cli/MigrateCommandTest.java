package dev.muser.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.device.pci.DeviceFactory;
import dev.muser.device.pci.PciDevice;
import dev.muser.devices.edu.Edu;
import dev.muser.devices.idio16.Idio16;
import dev.muser.devices.idio16.InputPattern;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.MemoryStorage;
import dev.muser.linux.UnixListener;
import dev.muser.server.DeviceServer;
import dev.muser.server.Loop;
import dev.muser.server.LoopPolicy;
import dev.muser.server.ServerOptions;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code muser migrate}: what it moves, prints and returns. */
class MigrateCommandTest {
    @TempDir private Path folder = Path.of("");

    private final Loop loop = Loop.start("test", LoopPolicy.BLOCKING, OptionalInt.empty());

    private record Outcome(int code, String out, String err) {}

    private Outcome migrate(String... arguments) {
        var words = new String[arguments.length + 1];
        words[0] = "migrate";
        System.arraycopy(arguments, 0, words, 1, arguments.length);
        var out = new StringWriter();
        var err = new StringWriter();
        int code =
                Main.commandLine(words)
                        .setOut(new PrintWriter(out))
                        .setErr(new PrintWriter(err))
                        .execute(words);
        return new Outcome(code, out.toString(), err.toString());
    }

    private String at(String name) {
        return folder.resolve(name).toString();
    }

    private void serve(String name, DeviceFactory factory) {
        DeviceServer.listen(
                loop,
                events -> PciDevice.create(factory, events),
                folder.resolve(name),
                ServerOptions.DEFAULTS);
    }

    private static DeviceFactory disk(String serial) {
        return ctx ->
                new Nvme(
                        ctx,
                        NvmeOptions.of(
                                serial,
                                List.of(
                                        NamespaceOptions.of(
                                                new MemoryStorage(1 << 20), 512, "test"))));
    }

    @AfterEach
    void close() {
        loop.close();
    }

    @Test
    void shouldMoveADeviceAndSaySo() {
        serve("a", disk("one"));
        serve("b", disk("one"));
        var outcome = migrate(at("a"), at("b"));
        assertThat(outcome.err).isEmpty();
        assertThat(outcome.code).isZero();
        assertThat(outcome.out)
                .contains("while it runs", "while it was stopped", "migrated: ")
                .contains(at("b") + " has the device, " + at("a") + " has stopped");
    }

    @Test
    void shouldSayThatTheTwoAreNotTheSameKind() {
        serve("a", Edu::new);
        serve("b", ctx -> new Idio16(ctx, InputPattern.LOOPBACK));
        var outcome = migrate(at("a"), at("b"));
        assertThat(outcome.code).isEqualTo(1);
        assertThat(outcome.err)
                .contains("another kind of device: region 0 has 1048576 bytes there and 0 here");
        assertThat(outcome.err.lines()).hasSize(1);
    }

    @Test
    void shouldSayWhichEndRefusesAndThatTheSourceRunsOn() {
        serve("a", disk("one"));
        serve("b", disk("two"));
        var outcome = migrate(at("a"), at("b"));
        assertThat(outcome.code).isEqualTo(1);
        assertThat(outcome.err)
                .contains("the target refuses what came", "EINVAL", "the source runs on", "log");
        assertThat(outcome.err.lines()).hasSize(1);
    }

    @Test
    void shouldSayThatSomebodyElseHasTheDevice() {
        serve("a", Edu::new);
        serve("b", Edu::new);
        try (var device = RemoteDevice.connect(folder.resolve("b"));
                var function = new PciFunction(device)) {
            var outcome = migrate("--timeout=200ms", at("a"), at("b"));
            assertThat(outcome.code).isEqualTo(2);
            assertThat(outcome.err).contains(at("b"), "without another client");
            assertThat(function.bar(0).read32(0)).isEqualTo(0x010000ed);
        }
    }

    @Test
    void shouldRefuseWhatCannotBe() {
        assertThat(migrate().code).isEqualTo(2);
        assertThat(migrate(at("a")).code).isEqualTo(2);
        assertThat(migrate(at("a"), at("a")).err).contains("cannot move to itself");
        assertThat(migrate(at("a"), folder + "/./a").err).contains("cannot move to itself");
        assertThat(migrate(at("a"), at("b")).err).contains("there is no socket at " + at("a"));
        assertThat(migrate("--timeout=0s", at("a"), at("b")).err).contains("at least 1ms");
        try (var silent = UnixListener.bind(folder.resolve("c"), 1)) {
            assertThat(migrate("--timeout=100ms", at("c"), at("b")).err)
                    .contains("no reply within 100 ms");
            assertThat(silent.fd().isOpen()).isTrue();
        }
        assertThat(migrate("--help").out).startsWith("Usage: muser migrate");
    }
}
