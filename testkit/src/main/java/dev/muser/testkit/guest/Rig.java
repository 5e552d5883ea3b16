package dev.muser.testkit.guest;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * QEMU, a kernel and a root file system, as the scripts {@code fetch} and {@code initramfs} of
 * {@code testkit/rig} make them in {@code $MUSER_CACHE/rig} or {@code ~/.cache/muser/rig}. They are
 * fetched when they are first asked for, which needs a network and some ten seconds once.
 *
 * <p>Thread-safe.
 */
public final class Rig {
    private static final System.Logger LOG = System.getLogger(Rig.class.getName());
    private static final List<String> SCRIPTS =
            List.of("fetch", "slim.py", "initramfs", "disk-image");

    private static @Nullable Rig instance;
    private static @Nullable String failure;

    private final Path directory;

    private Rig(Path directory) {
        this.directory = directory;
    }

    /**
     * Returns the rig, and fetches it if it is not there: once for each JVM, also when it fails.
     *
     * @throws GuestVmException one line that says what is missing and how to get it
     */
    public static synchronized Rig get() {
        if (failure != null) {
            throw new GuestVmException(failure);
        }
        var rig = instance;
        if (rig == null) {
            try {
                rig = new Rig(Path.of(run("fetch", List.of())));
            } catch (GuestVmException e) {
                failure = e.getMessage();
                throw e;
            }
            instance = rig;
        }
        return rig;
    }

    /** Returns the directory in which the rig is. */
    public Path directory() {
        return directory;
    }

    /**
     * Returns the guest's root file system, an uncompressed cpio archive.
     *
     * @param modules kernel modules to put in beside the usual ones, for example {@code e1000e}
     * @param storageTools whether to put in fio, nvme-cli and what else tests of disks need
     * @throws GuestVmException when the kernel has no such module
     */
    public synchronized Path initramfs(Collection<String> modules, boolean storageTools) {
        var arguments = new ArrayList<String>();
        if (storageTools) {
            arguments.add("--storage");
        }
        arguments.addAll(modules);
        return Path.of(run("initramfs", arguments));
    }

    /**
     * Returns the same root file system as the image of a disk without partitions, with ext4, fio
     * and nvme-cli. It is shared: a test works on a copy.
     */
    public synchronized Path diskImage() {
        return Path.of(run("disk-image", List.of()));
    }

    /**
     * Returns the command that runs one of the rig's programs on this machine: qemu-nbd, qemu-img,
     * qemu-io, nbdkit, fio, mkfs.ext4, e2fsck, debugfs and others.
     */
    public List<String> program(String name) {
        return List.of(directory.resolve("run").toString(), name);
    }

    /**
     * Returns the command that starts QEMU in {@link #directory()}. Its paths are relative: a user
     * to whom the way to the cache is closed, as root's home is, can still run it from within.
     */
    List<String> qemu() {
        return List.of(
                "root/usr/lib64/ld-linux-x86-64.so.2",
                "--library-path",
                "root/usr/lib/x86_64-linux-gnu",
                "root/usr/bin/qemu-system-x86_64",
                "-L",
                "root/usr/share/qemu",
                "-L",
                "root/usr/share/seabios");
    }

    /** Runs one of the scripts, which are in the jar, and returns what it prints. */
    private static String run(String script, List<String> arguments) {
        try {
            var scripts = Files.createTempDirectory("muser-rig");
            try {
                for (var name : SCRIPTS) {
                    Files.write(scripts.resolve(name), GuestFiles.resource("rig/" + name));
                }
                return run(scripts.resolve(script), arguments);
            } finally {
                GuestFiles.delete(scripts);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot run the rig's script " + script, e);
        }
    }

    private static String run(Path script, List<String> arguments) throws IOException {
        var command = new ArrayList<>(List.of("bash", script.toString()));
        command.addAll(arguments);
        var process = new ProcessBuilder(command).start();
        process.getOutputStream().close();
        try {
            var last = "";
            try (var lines = process.errorReader(StandardCharsets.UTF_8)) {
                for (var line = lines.readLine(); line != null; line = lines.readLine()) {
                    LOG.log(System.Logger.Level.INFO, line);
                    last = line;
                }
            }
            var output =
                    new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                throw new GuestVmException(
                        last.isEmpty() ? script.getFileName() + " failed silently" : last);
            }
            return output.strip();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new GuestVmException("interrupted while the rig was made", e);
        } finally {
            process.destroyForcibly();
        }
    }
}
