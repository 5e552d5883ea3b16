package dev.muser.testkit.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.pci.DeviceFactory;
import dev.muser.device.pci.PciDevice;
import dev.muser.server.DeviceServer;
import dev.muser.server.Keeping;
import dev.muser.server.Loop;
import dev.muser.server.ServerOptions;
import dev.muser.service.LocalStore;
import java.nio.file.Path;
import org.junit.jupiter.api.Nested;

/**
 * The same clients once more, against devices that outlive their process: streams, descriptors,
 * mappings and dirty logs of these are other code.
 */
final class KeptHostileTest {
    private static AutoCloseable keep(
            Loop loop, DeviceFactory factory, Path path, ServerOptions options) {
        var store = new LocalStore();
        var server =
                DeviceServer.keep(
                        loop,
                        (given, home) -> PciDevice.create(factory, given, home),
                        path,
                        options,
                        new Keeping("hostile", store));
        return () -> {
            server.close();
            store.close();
        };
    }

    @Nested
    final class Streams extends HostileStreamTest {
        @Override
        AutoCloseable server(DeviceFactory factory, Path path, ServerOptions options) {
            return keep(loop, factory, path, options);
        }

        /** It stays in the socket until the message is whole; before the second task was a turn. */
        @Override
        void awaitReceived(HostileClient client) {
            for (int i = 0; i < 2; i++) {
                assertThat(loop.<Boolean>call(() -> true)).isTrue();
            }
        }
    }

    @Nested
    final class Descriptors extends HostileDescriptorsTest {
        @Override
        AutoCloseable server(DeviceFactory factory, Path path, ServerOptions options) {
            return keep(loop, factory, path, options);
        }
    }

    @Nested
    final class Dma extends HostileDmaTest {
        @Override
        AutoCloseable server(DeviceFactory factory, Path path, ServerOptions options) {
            return keep(loop, factory, path, options);
        }

        @Override
        void shouldLeaveMappingsToOthersHoweverManyFilesClientsMap() {} // one process keeps them
    }

    @Nested
    final class Processes extends HostileProcessTest {
        @Override
        AutoCloseable server(DeviceFactory factory, Path path, ServerOptions options) {
            return keep(loop, factory, path, options);
        }
    }

    @Nested
    final class Features extends HostileFeaturesTest {
        @Override
        AutoCloseable server(DeviceFactory factory, Path path, ServerOptions options) {
            return keep(loop, factory, path, options);
        }

        @Override
        void shouldRefuseSizesOfDataThatAreNotWhatIsThere() {} // transfers are shorter
    }
}
