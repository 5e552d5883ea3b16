package dev.muser.service;

import dev.muser.linux.ChildProcess;
import dev.muser.linux.Fd;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The descriptors that a service manager started this process with: {@code sd_listen_fds(3)}. */
final class InheritedDescriptors {
    /** What sd_listen_fds_with_names calls descriptors that come without names. */
    private static final String NAMELESS = "unknown";

    /** As many as Linux lets a process open, unless its administrator wants more. */
    private static final int MAX = 1 << 20;

    private InheritedDescriptors() {}

    /**
     * Takes ownership of them, and sees to it that programs started from here do not get them.
     * There are none when the variables were meant for another process, {@code LISTEN_PID}.
     *
     * @throws IllegalArgumentException when the variables contradict themselves
     * @throws dev.muser.linux.SyscallException EBADF when a descriptor is not there
     */
    static List<NamedDescriptor> take(Map<String, String> environment, long pid) {
        var count = environment.get("LISTEN_FDS");
        if (count == null || !Long.toString(pid).equals(environment.get("LISTEN_PID"))) {
            return List.of();
        }
        var names = names(number(count), environment.get("LISTEN_FDNAMES"));
        var taken = new ArrayList<NamedDescriptor>(names.size());
        try {
            for (int i = 0; i < names.size(); i++) {
                var fd = Fd.adopt(ChildProcess.FIRST_INHERITED + i);
                fd.inheritable(false);
                taken.add(new NamedDescriptor(names.get(i), fd));
            }
        } catch (RuntimeException e) {
            taken.forEach(each -> each.fd().close());
            throw e;
        }
        return taken;
    }

    private static int number(String text) {
        int n;
        try {
            n = Integer.parseInt(text);
        } catch (NumberFormatException e) {
            n = -1;
        }
        if (n < 0 || n > MAX) {
            throw new IllegalArgumentException(
                    "LISTEN_FDS=%s: not a number of descriptors; whoever started this process set it"
                            .formatted(text));
        }
        return n;
    }

    static List<String> names(int count, @Nullable String text) {
        var names = new ArrayList<String>(count);
        if (text == null) {
            for (int i = 0; i < count; i++) {
                names.add(NAMELESS);
            }
            return names;
        }
        if (count > 0) {
            int from = 0;
            for (int colon = text.indexOf(':'); colon >= 0; colon = text.indexOf(':', from)) {
                names.add(text.substring(from, colon));
                from = colon + 1;
            }
            names.add(text.substring(from));
        }
        if (names.size() != count) {
            throw new IllegalArgumentException(
                    "LISTEN_FDS=%d, but LISTEN_FDNAMES has %d names"
                            .formatted(count, names.size()));
        }
        return names;
    }
}
