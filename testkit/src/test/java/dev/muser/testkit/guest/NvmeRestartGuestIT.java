package dev.muser.testkit.guest;

import static dev.muser.testkit.guest.NvmeGuest.LOOPS;
import static dev.muser.testkit.guest.NvmeGuest.assertThatNothingWentWrong;
import static dev.muser.testkit.guest.NvmeGuest.image;

import dev.muser.testkit.HostTool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Guests come and go, with their memory in different places; what they wrote stays. */
class NvmeRestartGuestIT {
    private Path directory;

    @BeforeEach
    void makeDirectory() {
        directory = NvmeGuest.directory();
    }

    @AfterEach
    void deleteDirectory() throws IOException {
        GuestFiles.delete(directory);
    }

    private static GuestVmBuilder guest(DiskUnderTest disk, String test) {
        return NvmeGuest.with(disk, test, "keep:it", "gaps:" + LOOPS, "keep:it");
    }

    private static void findsWhatWasWritten(GuestVm guest) {
        guest.await("OK kept it");
        guest.await("OK gaps");
        guest.await("OK kept it");
        NvmeGuest.passes(guest);
    }

    @Test
    void shouldKeepDataOverResetsAndPowerCycles() {
        var image = image(directory, "image", 64);
        try (var disk = DiskUnderTest.start("MUSER0005", image)) {
            try (var guest =
                    NvmeGuest.with(disk, "nvme-reset", "keep:it", "gaps", "wait")
                            .rebootable()
                            .start()) {
                guest.await("OK written it");
                guest.await("OK wait");
                guest.qmp().systemReset();
                guest.await("GUEST-UP ");
                guest.await("OK kept it");
                guest.await("OK wait");
                guest.qmp().quit();
                guest.awaitExit();
                assertThatNothingWentWrong(guest, 0);
            }
            try (var guest = guest(disk, "nvme-file").memory(MemoryBackend.FILE).start()) {
                findsWhatWasWritten(guest);
            }
        }
        try (var disk = DiskUnderTest.start("MUSER0005", image)) {
            try (var guest = guest(disk, "nvme-private").memory(MemoryBackend.PRIVATE).start()) {
                findsWhatWasWritten(guest);
            }
            try (var guest = guest(disk, "nvme-iommu").iommu().start()) {
                findsWhatWasWritten(guest);
            }
        }
    }

    /** A line that stays up for entries that the driver has taken would be an interrupt storm. */
    @Test
    void shouldInterruptByItsLineWhereThereAreNoMessages() {
        try (var disk = DiskUnderTest.start("MUSER0007", image(directory, "image", 64));
                var guest = guest(disk, "nvme-intx").kernel("pci=nomsi").start()) {
            guest.await("OK written it");
            guest.await("OK gaps");
            guest.await("OK kept it");
            NvmeGuest.passes(guest);
        }
    }

    @Test
    void shouldHoldTheRootFileSystem() throws IOException {
        var image =
                Files.copy(
                        Rig.get().diskImage(),
                        directory.resolve("root"),
                        StandardCopyOption.REPLACE_EXISTING);
        try (var disk = DiskUnderTest.start("MUSER0006", image)) {
            try (var guest =
                    NvmeGuest.with(disk, "nvme-root", "root")
                            .rootFileSystem("/dev/nvme0n1")
                            .start()) {
                guest.await("OK root");
                NvmeGuest.passes(guest);
            }
        }
        HostTool.run("e2fsck", "-f", "-n", image.toString());
    }
}
