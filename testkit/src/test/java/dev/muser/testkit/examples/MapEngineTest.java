package dev.muser.testkit.examples;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.testkit.ServedDevice;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The example works: an engine on threads of its own is a disk behind a socket. */
final class MapEngineTest {
    @Test
    void shouldBeADisk() {
        var engine = new MapEngine(64 << 20);
        var options =
                NvmeOptions.of("EXAMPLE-1", List.of(NamespaceOptions.of(engine, 4096, "map")));
        var random = new Random(0x6d75);
        var data = new byte[256 << 10];
        random.nextBytes(data);
        try (var served = ServedDevice.start(ctx -> new Nvme(ctx, options));
                var device = RemoteDevice.connect(served.socket());
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, NvmeDriverOptions.DEFAULTS)) {
            var disk = driver.sync(driver.namespaces().getFirst());
            var buffer = function.dma().allocate(data.length);
            MemorySegment.copy(data, 0, buffer.segment(), JAVA_BYTE, 0, data.length);
            disk.write(100, 64, buffer, 0);
            disk.flush();
            buffer.segment().fill((byte) 0);
            disk.read(100, 64, buffer, 0);
            assertThat(buffer.segment().toArray(JAVA_BYTE)).isEqualTo(data);
            disk.deallocate(100, 64);
            disk.read(100, 64, buffer, 0);
            assertThat(buffer.segment().toArray(JAVA_BYTE)).containsOnly(0);
        }
    }
}
