package dev.muser.linux;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * What {@code /proc/PID/task/TID/status} says of the rights of a process, all of its threads
 * together: each value that one of them has ({@code proc_pid_status(5)}).
 *
 * @param threads how many there are
 * @param names what they are called, up to 15 bytes of it
 * @param uids real, effective, saved and file-system user id, as text
 * @param gids the same of groups
 * @param groups supplementary groups
 * @param capabilities that are effective, a mask in hexadecimal digits
 * @param noNewPrivileges "1" where no program can give more rights; absent before Linux 4.10
 * @param seccomp "0" without, "2" with a filter of system calls
 */
public record ProcessStatus(
        int threads,
        Set<String> names,
        Set<String> uids,
        Set<String> gids,
        Set<String> groups,
        Set<String> capabilities,
        Set<String> noNewPrivileges,
        Set<String> seccomp) {

    /**
     * Looks at a process.
     *
     * @throws NoSuchFileException when there is none, or it is hidden from this user
     */
    public static ProcessStatus of(long pid) throws IOException {
        var status =
                new ProcessStatus(
                        0,
                        new TreeSet<>(),
                        new TreeSet<>(),
                        new TreeSet<>(),
                        new TreeSet<>(),
                        new TreeSet<>(),
                        new TreeSet<>(),
                        new TreeSet<>());
        int threads = 0;
        try (var tasks = Files.newDirectoryStream(Path.of("/proc/" + pid + "/task"))) {
            for (var task : tasks) {
                try {
                    status.add(Files.readAllLines(task.resolve("status")));
                    threads++;
                } catch (IOException e) {
                    if (Files.exists(task)) {
                        throw e;
                    } // else it has ended meanwhile
                }
            }
        }
        return new ProcessStatus(
                threads,
                status.names,
                status.uids,
                status.gids,
                status.groups,
                status.capabilities,
                status.noNewPrivileges,
                status.seccomp);
    }

    /** Returns what {@link #uids} and {@link #gids} are when {@code id} is the only one. */
    public static Set<String> allOf(int id) {
        var text = Integer.toUnsignedString(id);
        return Set.of(String.join(" ", List.of(text, text, text, text)));
    }

    private void add(List<String> lines) {
        for (var line : lines) {
            int colon = line.indexOf(':');
            var value = line.substring(colon + 1).strip().replace('\t', ' ');
            switch (line.substring(0, Math.max(0, colon))) {
                case "Name" -> names.add(value);
                case "Uid" -> uids.add(value);
                case "Gid" -> gids.add(value);
                case "Groups" -> groups.add(value);
                case "CapEff" -> capabilities.add(value);
                case "NoNewPrivs" -> noNewPrivileges.add(value);
                case "Seccomp" -> seccomp.add(value);
                default -> {}
            }
        }
    }
}
