package dev.muser.testkit.guest;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;

/** What the tests of the disk have in common: a guest that runs steps of nvme.py. */
final class NvmeGuest {
    /** How often fio goes over its files: more for the long form. */
    static final String LOOPS = System.getenv().getOrDefault("MUSER_FIO_LOOPS", "1");

    private static final Pattern COMPLAINT =
            Pattern.compile(
                    "(?im)^.*(timeout|I/O error|resetting controller|not ready|EXT4-fs error"
                            + "|EXT4-fs warning|Abort|refused|Call Trace|nvme.*fail).*$");
    private static final Pattern WANTED_RESET = Pattern.compile("resetting controller");

    private NvmeGuest() {}

    /** Begins a guest with two CPUs, and so with two I/O queues. */
    static GuestVmBuilder with(DiskUnderTest disk, String test, String... steps) {
        var guest = GuestVm.builder();
        disk.addTo(guest);
        return with(guest, test, steps);
    }

    /** The same, of a guest that has its disk. */
    static GuestVmBuilder with(GuestVmBuilder guest, String test, String... steps) {
        return guest.runAs(DiskUnderTest.USER)
                .cpus(2)
                .storageTools()
                .modules("nvme", "ext4")
                // Warnings too, which "quiet" leaves out: the driver warns of what takes too long.
                .kernel("loglevel=5")
                // On a host that is busy a guest's clock jumps while it boots.
                .kernel("rcupdate.rcu_cpu_stall_suppress_at_boot=1")
                .logs(Path.of("target", "guests", test))
                .python("nvme.py", steps);
    }

    /** Waits for the end of all steps. */
    static void passes(GuestVm guest) {
        guest.await("NVME-DONE");
        assertThat(guest.awaitScript()).isZero();
        assertThat(guest.awaitExit()).isZero();
        assertThatNothingWentWrong(guest, 0);
    }

    /**
     * The kernel did not wait in vain, repeat a command or lose data, of which it would tell.
     *
     * @param resets how often a step has asked for a reset of the controller
     */
    static void assertThatNothingWentWrong(GuestVm guest, int resets) {
        var log = guest.kernelLog();
        assertThat(WANTED_RESET.matcher(log).results()).as("resets").hasSize(resets);
        assertThat(
                        COMPLAINT
                                .matcher(log)
                                .results()
                                .map(result -> result.group())
                                .filter(line -> !line.contains("resetting controller")))
                .as("the guest's kernel")
                .isEmpty();
    }

    /** Makes a sparse file. */
    static Path image(Path directory, String name, int mebibytes) {
        var file = directory.resolve(name);
        try (var image = new RandomAccessFile(file.toFile(), "rw")) {
            image.setLength((long) mebibytes << 20);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return file;
    }

    /** Makes a folder of which QEMU's user can find the files. */
    static Path directory() {
        try {
            var directory = Files.createTempDirectory("muser-disk");
            DiskUnderTest.USER.give(directory);
            return directory;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
