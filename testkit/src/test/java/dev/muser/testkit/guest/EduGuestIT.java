package dev.muser.testkit.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.devices.edu.Edu;
import dev.muser.testkit.ServedDevice;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The edu device in real guests: the script that passes on QEMU's own edu finds ours, drives its
 * registers, interrupts and DMA. What differs is how the guest's memory reaches the device.
 */
class EduGuestIT {
    private static final RunAs USER = RunAs.ordinaryUser();

    private ServedDevice edu;

    @BeforeEach
    void serve() {
        edu = ServedDevice.start(Edu::new);
        USER.give(edu.directory());
        USER.give(edu.socket());
    }

    @AfterEach
    void stop() {
        edu.close();
    }

    private GuestVmBuilder guest(String test) {
        return GuestVm.builder()
                .runAs(USER)
                .vfioUser(edu.socket())
                .logs(Path.of("target", "guests", test));
    }

    private static void passes(GuestVmBuilder builder) {
        try (var guest = builder.start()) {
            guest.await("EDU-DONE");
            assertThat(guest.awaitScript()).isZero();
            assertThat(guest.awaitExit()).isZero();
        }
    }

    @Test
    void shouldServeOneGuestAfterTheOtherWithTheirMemoryAsMemfdAndAsFile() {
        passes(guest("edu-memfd").memory(MemoryBackend.MEMFD).python("edu.py"));
        passes(guest("edu-file").memory(MemoryBackend.FILE).python("edu.py"));
    }

    @Test
    void shouldDoDmaByMessagesWhereMemoryIsNotShared() {
        passes(guest("edu-private").memory(MemoryBackend.PRIVATE).python("edu.py"));
    }

    @Test
    void shouldFollowAVirtualIommuPageByPageAndDeliverMsi() {
        try (var guest = guest("edu-iommu").iommu().python("edu.py").start()) {
            guest.await("OK driver vfio-pci");
            guest.await("OK msi-dma-interrupt-acknowledged");
            guest.await("EDU-DONE");
            assertThat(guest.awaitScript()).isZero();
        }
    }

    @Test
    void shouldSurviveASystemReset() {
        var script = "python3 /root/edu.py && echo ROUND-DONE\nsleep 1000\n";
        try (var guest = guest("edu-reset").rebootable().python("edu.py").script(script).start()) {
            guest.await("ROUND-DONE");
            guest.qmp().systemReset();
            guest.await("GUEST-UP ");
            guest.await("ROUND-DONE");
        }
    }
}
