package dev.muser.testkit.guest;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A guest's disk under load, of which the process is killed and upgraded: the guest never knows.
 */
@Timeout(value = 2, unit = TimeUnit.HOURS)
class KilledDiskGuestIT {
    private static final RunAs USER = RunAs.ordinaryUser();
    private static final String ROUND = "OK round ";

    @TempDir private Path temporary = Path.of("");

    enum Variant {
        PLAIN,
        SPARE,
        IOMMU,
        MESSAGES,
        LINE
    }

    @ParameterizedTest
    @EnumSource
    void shouldNotBeNoticed(Variant variant) throws Exception {
        var folder = Files.createDirectory(temporary.resolve("d"));
        var image = temporary.resolve("image").toString();
        boolean spared = variant == Variant.SPARE;
        var all = Trouble.configured();
        var trouble = variant == Variant.PLAIN ? all : all.half();
        try (var disk =
                spared
                        ? KeptDevice.serve(
                                USER, folder, "--spare", "nvme", "--file", image, "--size", "16M")
                        : KeptDevice.serve(
                                USER, folder, "nvme", "--file", image, "--size", "16M")) {
            USER.give(temporary);
            try (var guest = guest(disk, variant)) {
                guest.await("OK written kills");
                guest.await(ROUND);
                trouble.make(disk, spared, guest);
                awaitTwoMoreRounds(guest);
                assertThatNothingWasNoticed(guest);
                endsAfterAReset(guest, variant);
            }
            disk.stop(trouble.kills());
        }
    }

    private static void endsAfterAReset(GuestVm guest, Variant variant) {
        guest.qmp().systemReset();
        guest.await("GUEST-UP ");
        guest.await("OK kept kills");
        guest.await(ROUND);
        guest.await("NVME-DONE");
        assertThat(guest.awaitScript()).isZero();
        assertThat(guest.awaitExit()).isZero();
        if (variant == Variant.IOMMU) {
            NvmeGuest.assertThatNothingWentWrong(guest, 0);
            KeptDevice.assertThatNoMoreWasNoticedThanEmptyRanges(guest);
        } else {
            assertThatNothingWasNoticed(guest);
        }
    }

    private static GuestVm guest(KeptDevice disk, Variant variant) {
        var test = "killed-disk-" + variant.name().toLowerCase(Locale.ROOT);
        var guest = GuestVm.builder().vfioUser(disk.socket());
        NvmeGuest.with(guest, test, "rounds:kills:4").rebootable().patience(Duration.ofMinutes(10));
        var changed =
                switch (variant) {
                    case PLAIN, SPARE -> guest;
                    case IOMMU -> guest.iommu();
                    case MESSAGES -> guest.memory(MemoryBackend.PRIVATE);
                    case LINE -> guest.memory(MemoryBackend.FILE).kernel("pci=nomsi");
                };
        return changed.start();
    }

    /** The first of them may have begun before; the second has not. */
    private static void awaitTwoMoreRounds(GuestVm guest) {
        long rounds = guest.lines().stream().filter(line -> line.startsWith(ROUND)).count();
        guest.await(ROUND + (rounds + 2));
    }

    private static void assertThatNothingWasNoticed(GuestVm guest) {
        NvmeGuest.assertThatNothingWentWrong(guest, 0);
        KeptDevice.assertThatNothingWasNoticed(guest);
    }
}
