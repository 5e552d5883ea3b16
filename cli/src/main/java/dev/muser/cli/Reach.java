package dev.muser.cli;

import static dev.muser.linux.LandlockRuleset.ALL;
import static dev.muser.linux.LandlockRuleset.MAKE_REG;
import static dev.muser.linux.LandlockRuleset.MAKE_SOCK;
import static dev.muser.linux.LandlockRuleset.READ;
import static dev.muser.linux.LandlockRuleset.REMOVE_FILE;
import static dev.muser.linux.LandlockRuleset.TRUNCATE;
import static dev.muser.linux.LandlockRuleset.WRITE_FILE;

import dev.muser.linux.LandlockRuleset;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the threads that serve may still reach by its path, or its port. Images are not of it:
 * {@link Broker} opens them.
 *
 * @param sockets the folder of the devices' sockets
 * @param otherProcesses whether the process looks at others, as a kept one does at the one before
 * @param network whether it connects to other machines
 * @param ports those that it connects to; with none, all
 * @param everything for a JVM that starts another, to write its cache
 */
record Reach(
        @Nullable Path sockets,
        boolean otherProcesses,
        boolean network,
        List<Integer> ports,
        boolean everything) {
    private static final long TO_WRITE = READ | WRITE_FILE | MAKE_REG | REMOVE_FILE | TRUNCATE;

    /** In which the JVM is told where to write when it fails. */
    private static final List<String> JVM_OPTIONS = List.of("-XX:ErrorFile=", "-XX:HeapDumpPath=");

    private static final int DNS = 53;

    /** What a JVM and a C library read later than at their start, when they do. */
    private static final List<Path> SYSTEM =
            List.of(
                    Path.of("/usr"),
                    Path.of("/lib"),
                    Path.of("/lib64"),
                    Path.of("/etc/ld.so.cache"),
                    Path.of("/etc/localtime"),
                    // where Debian has what other JDKs have in their own folder
                    Path.of("/etc/java-%d-openjdk".formatted(Runtime.version().feature())),
                    Path.of("/proc/self"),
                    Path.of("/sys/fs/cgroup"),
                    Path.of("/sys/devices/system"),
                    Path.of("/dev/null"),
                    Path.of("/dev/random"),
                    Path.of("/dev/urandom"));

    /**
     * Returns it as the kernel takes it.
     *
     * @throws dev.muser.linux.SyscallException where there is no Landlock
     */
    LandlockRuleset ruleset() {
        var rules = LandlockRuleset.create(network && ports.isEmpty());
        try {
            SYSTEM.forEach(path -> rules.allow(path, READ));
            ofTheJvm().forEach(path -> rules.allow(path, READ));
            failures().forEach(folder -> rules.allow(folder, TO_WRITE));
            rules.allow(Path.of("/dev/null"), WRITE_FILE);
            if (sockets != null) {
                rules.allow(sockets, MAKE_SOCK | REMOVE_FILE);
            }
            if (otherProcesses) {
                rules.allow(Path.of("/proc"), READ);
            }
            if (network) {
                allowNames(rules);
                ports.forEach(rules::allowConnections);
                rules.allowConnections(DNS);
            }
            if (everything) {
                rules.allow(Path.of("/"), ALL);
            }
            return rules;
        } catch (RuntimeException e) {
            rules.close();
            throw e;
        }
    }

    private static List<Path> ofTheJvm() {
        var paths = new ArrayList<Path>();
        paths.add(Path.of(System.getProperty("java.home")));
        for (var name : List.of("jdk.module.path", "java.class.path")) {
            for (var entry : System.getProperty(name, "").split(":", -1)) {
                if (!entry.isEmpty()) {
                    paths.add(Path.of(entry));
                }
            }
        }
        return paths;
    }

    /** The folders of crash reports and heap dumps, where the command line of the JVM says so. */
    private static List<Path> failures() {
        var folders = new ArrayList<Path>();
        for (var word : JavaCommand.jvmOptions()) {
            for (var option : JVM_OPTIONS) {
                if (word.startsWith(option)) {
                    var path = Path.of(word.substring(option.length())).toAbsolutePath();
                    var parent = path.getParent();
                    folders.add(Files.isDirectory(path) || parent == null ? path : parent);
                }
            }
        }
        return folders;
    }

    /** What hosts' names are looked up in: files that are replaced, so their folders. */
    private static void allowNames(LandlockRuleset rules) {
        rules.allow(Path.of("/etc"), READ);
        try {
            var servers = Path.of("/etc/resolv.conf").toRealPath().getParent();
            if (servers != null) {
                rules.allow(servers, READ);
            }
        } catch (IOException e) {
            // then there are none
        }
    }
}
