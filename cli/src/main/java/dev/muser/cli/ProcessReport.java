package dev.muser.cli;

import dev.muser.cli.control.ControlClient;
import dev.muser.linux.ProcessStatus;
import dev.muser.linux.SyscallException;
import dev.muser.linux.UnixSocket;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the process behind a socket has given up, as the kernel says it. The process's own word are
 * its number, where it has a control socket, and its files.
 */
record ProcessReport(long pid, ProcessStatus status) {
    /**
     * Looks at whoever serves {@code socket}.
     *
     * @throws UserError when that cannot be found out
     */
    static ProcessReport of(Path socket, Duration timeout) {
        long pid = pid(socket, timeout);
        try {
            var status = ProcessStatus.of(pid);
            if (status.threads() > 0) {
                return new ProcessReport(pid, status);
            }
        } catch (NoSuchFileException e) {
            // the same message
        } catch (IOException e) {
            throw new UserError("cannot look at process %d: %s".formatted(pid, e.getMessage()));
        }
        throw new UserError(
                ("process %d, which made the socket %s, is not there any more, and another serves"
                                + " it; or it is hidden from this user")
                        .formatted(pid, socket));
    }

    /**
     * A kept socket may have been made by a process before, so the control socket is asked first.
     */
    private static long pid(Path socket, Duration timeout) {
        try (var control = ControlClient.connect(socket, timeout)) {
            if (control != null
                    && control.ask(Map.of("command", "process")).get("pid") instanceof Number pid) {
                return pid.longValue();
            }
        }
        try (var connected = UnixSocket.connect(socket, timeout)) {
            int pid = connected.peer().pid();
            if (pid != 0) {
                return pid;
            }
        } catch (SyscallException e) {
            throw SocketPaths.cannotConnect(socket, e);
        }
        throw new UserError("the server at %s is in another pid namespace".formatted(socket));
    }

    private @Nullable FilesClosed landlock() {
        return FilesClosed.toldBy(status.names());
    }

    String text() {
        var landlock = landlock();
        return """
        process              %d, %d threads
        user                 %s
        group                %s
        supplementary groups %s
        capabilities         %s
        no new privileges    %s
        system calls         %s
        landlock             %s
        """
                .formatted(
                        pid,
                        status.threads(),
                        identity(status.uids()),
                        identity(status.gids()),
                        words(status.groups(), Map.of("", "none")),
                        words(status.capabilities(), Map.of("0000000000000000", "none")),
                        words(status.noNewPrivileges(), Map.of("0", "no", "1", "yes")),
                        words(
                                status.seccomp(),
                                Map.of("0", "not filtered", "1", "strict", "2", "filtered")),
                        landlock == null
                                ? "not known: the kernel does not say, nor does the process"
                                : landlock + " (the process's own word)");
    }

    /** Four equal ids are one; more than one line means that threads differ. */
    private static String identity(Set<String> all) {
        return String.join(
                ", differs between threads: ",
                all.stream()
                        .map(each -> {
                            var four = each.split(" ", -1);
                            return Set.copyOf(List.of(four)).size() == 1
                                    ? four[0]
                                    : each + " (real, effective, saved, of files)";
                        })
                        .toList());
    }

    private static String words(Set<String> all, Map<String, String> names) {
        if (all.isEmpty()) {
            return "not said by this kernel";
        }
        return String.join(
                ", differs between threads: ",
                all.stream().map(each -> names.getOrDefault(each, each)).toList());
    }

    /** Numbers are of the kernel's files; what holds for all threads is true. */
    Map<String, Object> json() {
        var json = new LinkedHashMap<String, Object>();
        json.put("pid", pid);
        json.put("threads", status.threads());
        json.put("user", identity(status.uids()));
        json.put("group", identity(status.gids()));
        json.put("supplementaryGroups", String.join(", ", status.groups()));
        json.put("capabilities", String.join(", ", status.capabilities()));
        json.put("noNewPrivileges", status.noNewPrivileges().equals(Set.of("1")));
        json.put("systemCallsFiltered", status.seccomp().equals(Set.of("2")));
        var landlock = landlock();
        json.put("landlock", landlock == null ? "not known" : landlock.toString());
        return json;
    }
}
