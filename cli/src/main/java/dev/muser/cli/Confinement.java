package dev.muser.cli;

import dev.muser.linux.Errno;
import dev.muser.linux.Identity;
import dev.muser.linux.PeerCredentials;
import dev.muser.linux.Sandbox;
import dev.muser.linux.SyscallException;
import java.lang.System.Logger.Level;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What a device process gives up once it has all that it needs: see {@code docs/security.md}. */
final class Confinement {
    private static final System.Logger LOG = System.getLogger(Confinement.class.getName());

    /** What to do where a measure is not to be had. */
    enum Mode {
        ON,
        OFF,
        REQUIRE;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }

        static final class Converter extends Choice<Mode> {
            Converter() {
                super(values());
            }
        }
    }

    private Confinement() {}

    /**
     * Becomes another user: before sockets are made, which are that user's then, and after images
     * were opened, which need not be.
     *
     * @param user null to stay who this is
     */
    static void become(@Nullable UserAccount user) {
        if (user == null || (user.uid() != 0 && user.uid() == PeerCredentials.ownUid())) {
            return; // a successor is started by a process that has done it
        }
        try {
            Identity.become(user.uid(), user.gid(), user.groups());
        } catch (SyscallException e) {
            throw new UserError(
                    e.errno() == Errno.EPERM
                            ? "--user: only root can become another user: start it as root, or as"
                                    + " that user"
                            : "--user: " + e.getMessage());
        }
    }

    /** Refuses the system calls that the process has no need of. */
    static void restrict(Mode mode, Sandbox.Needs needs) {
        if (mode == Mode.OFF) {
            return;
        }
        try {
            Sandbox.restrictCalls(needs);
        } catch (SyscallException e) {
            if (mode == Mode.REQUIRE) {
                throw new UserError(
                        "--sandbox=require: system calls cannot be filtered here: "
                                + e.getMessage());
            }
            LOG.log(Level.INFO, "system calls are not filtered: {0}", e.getMessage());
        }
    }
}
