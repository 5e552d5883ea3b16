package dev.muser.testkit.guest;

import static dev.muser.testkit.guest.NvmeGuest.LOOPS;
import static dev.muser.testkit.guest.NvmeGuest.assertThatNothingWentWrong;
import static dev.muser.testkit.guest.NvmeGuest.image;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.testkit.HostTool;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.jr.ob.JSON;

/** The NVMe disk under Linux's own driver, nvme-cli, ext4 and fio. */
class NvmeGuestIT {
    private static final int MEBIBYTES = 64;

    private Path directory;

    @BeforeEach
    void makeDirectory() {
        directory = NvmeGuest.directory();
    }

    @AfterEach
    void deleteDirectory() throws IOException {
        GuestFiles.delete(directory);
    }

    @Test
    void shouldBeIdentifiedAndHoldAFileSystemAndBeFormatted() {
        var image = image(directory, "image", MEBIBYTES);
        try (var disk = DiskUnderTest.start("MUSER0001", image);
                var guest =
                        NvmeGuest.with(
                                        disk,
                                        "nvme",
                                        "identify",
                                        "logs",
                                        "features",
                                        disk.isMuser() ? "refused-read" : "features",
                                        "filesystem:" + LOOPS,
                                        "discard",
                                        "reset",
                                        "format")
                                .start()) {
            assertThat(guest.await("OK driver")).isEqualTo("OK driver 3 vectors, 2 CPUs");
            assertThat(guest.await("OK id-ctrl")).startsWith("OK id-ctrl MUSER0001 / ");
            assertThat(guest.await("OK id-ns")).isEqualTo("OK id-ns " + (MEBIBYTES << 20) + " 512");
            guest.await("OK filesystem");
            // fio had written 48 MiB; then all but 8 MiB and what ext4 keeps were trimmed, and the
            // next step writes 16 MiB.
            assertThat(allocated(image)).isLessThan(44L << 20);
            guest.await("OK format 4096");
            guest.await("OK format 512");
            guest.await("NVME-DONE");
            assertThat(guest.awaitScript()).isZero();
            assertThatNothingWentWrong(guest, 1);
        }
    }

    @Test
    void shouldAttachAndDetachNamespaces() {
        var first = image(directory, "first", MEBIBYTES);
        var second = image(directory, "second", 16);
        try (var disk = DiskUnderTest.start("MUSER0002", first, second);
                var guest =
                        disk.isMuser()
                                ? NvmeGuest.with(disk, "nvme-namespaces", "attach", "follow:3")
                                        .start()
                                : NvmeGuest.with(disk, "nvme-namespaces", "attach").start()) {
            guest.await("OK attach");
            if (disk.isMuser()) {
                guest.await("OK follow");
                disk.addNamespace(3, image(directory, "third", 32));
                assertThat(guest.await("OK came 3")).isEqualTo("OK came 3 " + (32 << 20));
                disk.removeNamespace(3);
                guest.await("OK gone 3");
            }
            NvmeGuest.passes(guest);
        }
    }

    @Test
    void shouldServeTwoGuestsAtATime() {
        try (var one = DiskUnderTest.start("MUSER0003", image(directory, "one", MEBIBYTES));
                var two = one.startAnother("MUSER0004", image(directory, "two", MEBIBYTES));
                var first =
                        NvmeGuest.with(one, "nvme-one", "keep:one", "gaps:" + LOOPS, "keep:one")
                                .start();
                var second =
                        NvmeGuest.with(two, "nvme-two", "keep:two", "gaps:" + LOOPS, "keep:two")
                                .start()) {
            first.await("OK written one");
            second.await("OK written two");
            first.await("OK kept one");
            second.await("OK kept two");
            NvmeGuest.passes(first);
            NvmeGuest.passes(second);
        }
    }

    /** How much of a sparse file is not a hole. */
    private static long allocated(Path image) {
        var info = HostTool.run("qemu-img", "info", "-U", "--output=json", image.toString());
        return JSON.std.mapFrom(info).get("actual-size") instanceof Number size
                ? size.longValue()
                : Long.MAX_VALUE;
    }
}
