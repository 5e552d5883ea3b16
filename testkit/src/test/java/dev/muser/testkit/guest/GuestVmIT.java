package dev.muser.testkit.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Real guests: each boot takes some five seconds, the first one fetches the rig. */
class GuestVmIT {
    private static final Path LOGS = Path.of("target", "guests");

    private static GuestVmBuilder guest(String test) {
        return GuestVm.builder().runAs(RunAs.ordinaryUser()).logs(LOGS.resolve(test));
    }

    @Test
    void shouldRunAScriptAndReportItsExitStatus() throws IOException {
        var script =
                """
                cat /data/words
                lspci -n -s 1f.0
                setpci -s 1f.0 0.w
                gpiodetect --version | head -1
                grep -o '^gpio_pci_idio_16 ' /proc/modules
                head -c 65536 /dev/urandom >noise
                dd if=noise of=/dev/mem bs=64k seek=1024 conv=notrunc 2>/dev/null
                dd if=/dev/mem of=heard bs=64k skip=1024 count=1 2>/dev/null
                cmp noise heard && echo RESERVED-MEMORY-KEPT
                devmem 0x4000000 32 0x600dcafe
                echo "DEVMEM $(devmem 0x4000000 32)"
                exit 7
                """;
        try (var guest =
                guest("script")
                        .memory(MemoryBackend.PRIVATE)
                        .file("/data/words", "two words\n".getBytes(StandardCharsets.UTF_8))
                        .modules("nvme", "gpio-pci-idio-16")
                        .script(script)
                        .start()) {
            assertThat(guest.await("GUEST-UP ")).contains("amd64");
            assertThat(Files.getAttribute(Path.of("/proc/" + guest.pid()), "unix:uid"))
                    .as("who runs QEMU")
                    .isNotEqualTo(0);
            guest.await("two words");
            guest.await("00:1f.0 0601: 8086:2918");
            guest.await("8086");
            guest.await("gpiodetect (libgpiod)");
            guest.await("gpio_pci_idio_16");
            guest.await("RESERVED-MEMORY-KEPT");
            guest.await("DEVMEM 0x600DCAFE");
            assertThat(guest.awaitScript()).isEqualTo(7);
            assertThat(guest.awaitExit()).isZero();
            assertThat(guest.isRunning()).isFalse();
            assertThat(guest.kernelLog()).contains("reboot: Power down");
            assertThatThrownBy(() -> guest.await("NEVER SAID"))
                    .isInstanceOf(GuestVmException.class)
                    .hasMessageContaining("ended without saying \"NEVER SAID\"")
                    .hasMessageContaining("exit status is 0")
                    .hasMessageContaining("RESERVED-MEMORY-KEPT\nDEVMEM 0x600DCAFE\nGUEST-RC 7")
                    .hasMessageContaining("reboot: Power down");
        }
        assertThat(LOGS.resolve("script/console.log")).content().contains("GUEST-RC 7");
    }

    @Test
    void shouldPlugADeviceAndBootAgainAfterASystemReset() {
        var script =
                """
                device=/sys/bus/pci/devices/0000:01:00.0
                echo READY
                until [ -e $device ]; do sleep 0.1; done
                echo "PLUGGED $(cat $device/vendor)"
                while [ -e $device ]; do sleep 0.1; done
                echo UNPLUGGED
                sleep 1000
                """;
        try (var guest =
                guest("reset")
                        .rebootable()
                        .qemu("-device", "pcie-root-port,id=port0,chassis=1")
                        .script(script)
                        .start()) {
            guest.await("READY");
            var qmp = guest.qmp();
            assertThat(qmp.status()).isEqualTo("running");
            qmp.stop();
            assertThat(qmp.status()).isEqualTo("paused");
            qmp.cont();
            assertThat(qmp.status()).isEqualTo("running");

            var rng = Map.of("driver", "virtio-rng-pci", "id", "rng", "bus", "port0");
            qmp.deviceAdd(rng);
            guest.await("PLUGGED 0x1af4");
            assertThatThrownBy(() -> qmp.deviceAdd(rng))
                    .isInstanceOf(GuestVmException.class)
                    .hasMessageContaining("device_add")
                    .hasMessageContaining("rng");
            qmp.deviceDel("rng");
            qmp.awaitDeviceDeleted("rng", Duration.ofMinutes(1));
            guest.await("UNPLUGGED");

            qmp.systemReset();
            guest.await("GUEST-UP ");
            guest.await("READY");
            qmp.quit();
            assertThat(guest.awaitExit()).isZero();
        }
    }

    @Test
    void shouldDriveQemusEduWithoutAnIommu() {
        try (var guest =
                guest("edu-uio")
                        .memory(MemoryBackend.FILE)
                        .qemu("-device", "edu")
                        .python("edu.py")
                        .start()) {
            guest.await("OK driver uio_pci_generic");
            guest.await("OK intx-dma-interrupt-acknowledged");
            guest.await("EDU-DONE");
            assertThat(guest.awaitScript()).isZero();
        }
    }

    @Test
    void shouldDriveQemusEduBehindAnIommu() {
        try (var guest =
                guest("edu-vfio").iommu().qemu("-device", "edu").python("edu.py").start()) {
            guest.await("OK driver vfio-pci");
            guest.await("OK intx-dma-interrupt-acknowledged");
            guest.await("OK msi-dma-interrupt-acknowledged");
            guest.await("EDU-DONE");
            assertThat(guest.awaitScript()).isZero();
        }
    }

    @Test
    void shouldSayWhyQemuDidNotStart() {
        assertThatThrownBy(() ->
                        guest("no-server")
                                .vfioUser(Path.of("/nobody/listens"))
                                .script("true")
                                .start())
                .isInstanceOf(GuestVmException.class)
                .hasMessageContaining("QEMU did not start")
                .hasMessageContaining("/nobody/listens");
    }

    @Test
    void shouldSayWhichKernelModuleDoesNotExist() {
        assertThatThrownBy(() -> guest("module").modules("no-such").script("true").start())
                .isInstanceOf(GuestVmException.class)
                .hasMessageContaining("has no module no-such");
    }

    @Test
    void shouldNotLeaveQemuBehindWhenTheJvmIsKilled() throws Exception {
        var classPath =
                String.join(
                        File.pathSeparator,
                        System.getProperty("jdk.module.path", ""),
                        System.getProperty("java.class.path", ""),
                        "target/test-classes");
        var jvm =
                new ProcessBuilder(
                                System.getProperty("java.home") + "/bin/java",
                                "-cp",
                                classPath,
                                AbandonedGuest.class.getName())
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        try (var lines = jvm.inputReader()) {
            var pid = Long.parseLong(lines.readLine());
            var run = Path.of(lines.readLine());
            assertThat(run).isDirectory();
            var qemu = ProcessHandle.of(pid).orElseThrow();
            assertThat(qemu.isAlive()).isTrue();
            jvm.destroyForcibly();
            assertThat(qemu.onExit().get(60, TimeUnit.SECONDS).isAlive()).isFalse();
            var end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
            while (Files.exists(run) && System.nanoTime() < end) {
                Thread.sleep(10);
            }
            assertThat(run).doesNotExist();
        } finally {
            jvm.destroyForcibly();
        }
    }
}
