package dev.muser.testkit.devices.nvme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.client.DmaMemory;
import dev.muser.client.MovableDevice;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.nbd.NbdOptions;
import dev.muser.devices.storage.nbd.NbdStorage;
import dev.muser.testkit.HostTool;
import dev.muser.testkit.QemuNbd;
import dev.muser.testkit.ServedDevice;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A disk behind qemu-nbd moves between servers that are both connected to that. */
@Timeout(120)
final class NbdMoveIT {
    private static final NvmeDriverOptions DRIVER = NvmeDriverOptions.DEFAULTS.withQueues(1);

    @TempDir private Path folder;

    private static ServedDevice serve(Path socket, boolean incoming) {
        var storage = NbdStorage.open("nbd+unix:///?socket=" + socket, NbdOptions.DEFAULTS);
        var namespaces = List.of(NamespaceOptions.of(storage, 512, "test"));
        var options = NvmeOptions.of("TEST", namespaces).withIncoming(incoming);
        return ServedDevice.start(ctx -> new Nvme(ctx, options));
    }

    private static void assertNoDriverGetsIn(ServedDevice server) {
        try (var device = RemoteDevice.connect(server.socket());
                var function = new PciFunction(device)) {
            assertThatThrownBy(() -> NvmeDriver.open(function, DRIVER))
                    .hasMessageContaining("controller status 0x2");
        }
    }

    @Test
    void shouldMoveToAndFroUnderLoadWithoutAnError() {
        var image = folder.resolve("disk");
        HostTool.run("qemu-img", "create", "-q", "-f", "qcow2", image.toString(), "16M");
        try (var server = QemuNbd.serve(image, folder.resolve("nbd"), "qcow2");
                var first = serve(server.socket(), false);
                var second = serve(server.socket(), true)) {
            var places = List.of(first, second);
            assertNoDriverGetsIn(second);
            var device = new MovableDevice(RemoteDevice.connect(first.socket()));
            try (device;
                    var function = new PciFunction(device);
                    var driver = NvmeDriver.open(function, DRIVER)) {
                var load = new VerifiedLoad(driver.queue(0), function, DmaMemory.PAGES, 0);
                for (int move = 1; move <= 5; move++) {
                    VerifiedLoad.work(driver, List.of(load), 300);
                    load.step();
                    var to = RemoteDevice.connect(places.get(move % 2).socket());
                    assertThat(device.moveTo(to).lateBytes()).isPositive();
                }
                VerifiedLoad.work(driver, List.of(load), 300);
                VerifiedLoad.drain(driver, List.of(load));
            }
            assertNoDriverGetsIn(first); // the disk is at the other one
        }
    }
}
