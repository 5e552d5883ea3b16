package dev.muser.service;

import dev.muser.linux.ChildProcess;
import dev.muser.linux.Fd;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Starts a process that reads its {@link ServiceManager} from its environment. */
public final class ServiceProcess {
    static final String LISTEN_PID = "LISTEN_PID";
    static final String LISTEN_FDS = "LISTEN_FDS";
    static final String LISTEN_FDNAMES = "LISTEN_FDNAMES";
    static final String WATCHDOG_PID = "WATCHDOG_PID";

    /** The number of the standby's end of the socket by which descriptors are handed over. */
    static final String STANDBY = "MUSER_STANDBY_FD";

    /** The number of a descriptor at whose end of stream the keeper is dead. */
    static final String LIFELINE = "MUSER_LIFELINE_FD";

    /**
     * The variables are meant for this process and not for what it starts, which inherits them: so
     * they say its number, which is known only from within.
     */
    private static final String SCRIPT = "LISTEN_PID=$$; export LISTEN_PID; exec \"$0\" \"$@\"";

    private ServiceProcess() {}

    /**
     * Starts a process; the descriptors stay the caller's.
     *
     * @param command a program, looked for in its {@code PATH}, and its arguments
     * @param environment all of its environment; what an older manager of this process said there
     *     of descriptors is left out
     * @param passed what it takes over at its start, {@code LISTEN_FDS}
     * @param standby what makes a {@link Standby} of it
     * @param lifeline what it ends at the end of: {@link ServiceManager#lifeline}
     * @throws dev.muser.linux.SyscallException as of {@link ChildProcess#start}; a program that
     *     cannot be executed is a process that ends with 126 or 127 and says so
     */
    public static ChildProcess start(
            List<String> command,
            Map<String, String> environment,
            List<NamedDescriptor> passed,
            @Nullable Fd standby,
            @Nullable Fd lifeline) {
        var variables = new HashMap<>(environment);
        for (var mine :
                List.of(LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES, WATCHDOG_PID, STANDBY, LIFELINE)) {
            variables.remove(mine);
        }
        var inherited = new ArrayList<Fd>(passed.size() + 2);
        if (!passed.isEmpty()) {
            var names = new StringBuilder();
            for (int i = 0; i < passed.size(); i++) {
                inherited.add(passed.get(i).fd());
                names.append(i == 0 ? "" : ":").append(passed.get(i).name());
            }
            variables.put(LISTEN_FDS, Integer.toString(passed.size()));
            variables.put(LISTEN_FDNAMES, names.toString());
        }
        inherit(STANDBY, standby, variables, inherited);
        inherit(LIFELINE, lifeline, variables, inherited);
        var arguments = new ArrayList<String>(command.size() + 3);
        arguments.add("/bin/sh");
        arguments.add("-c");
        arguments.add(SCRIPT);
        arguments.addAll(command);
        return ChildProcess.start(arguments, variables, inherited);
    }

    private static void inherit(
            String variable, @Nullable Fd fd, Map<String, String> variables, List<Fd> inherited) {
        if (fd != null) {
            int number = ChildProcess.FIRST_INHERITED + inherited.size();
            variables.put(variable, Integer.toString(number));
            inherited.add(fd);
        }
    }
}
