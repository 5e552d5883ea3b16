package dev.muser.cli;

import dev.muser.linux.Errno;
import dev.muser.linux.Identity;
import dev.muser.linux.LandlockRuleset;
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

    /** Before it, who may write a file but not open it could still cut it to nothing. */
    private static final int LANDLOCK_VERSION = 3;

    private final Mode mode;
    private final int landlock;
    private @Nullable LandlockRuleset rules;

    Confinement(Mode mode) {
        this(mode, LandlockRuleset.version());
    }

    /**
     * @param landlock the kernel's version of it; 0 for none
     */
    Confinement(Mode mode, int landlock) {
        this.mode = mode;
        this.landlock = landlock;
    }

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

    /**
     * Refuses files and ports that are not in reach, to this thread and to those that it begins
     * from now on. This thread tells it by its name.
     */
    void restrictFiles(Reach reach) {
        (mode == Mode.OFF ? FilesClosed.NO : restrict(reach)).tell();
    }

    private FilesClosed restrict(Reach reach) {
        if (landlock < LANDLOCK_VERSION) {
            filesAreOpen(
                    "the kernel has %s, and %d (Linux 6.2) is needed"
                            .formatted(
                                    landlock == 0 ? "no Landlock" : "Landlock " + landlock,
                                    LANDLOCK_VERSION));
        }
        if (landlock > 0) {
            try {
                var mine = reach.ruleset();
                mine.restrictThread();
                rules = mine;
                return landlock < LANDLOCK_VERSION ? FilesClosed.PART : FilesClosed.SERVING;
            } catch (SyscallException e) {
                filesAreOpen(e.getMessage());
            }
        }
        return FilesClosed.NO;
    }

    private void filesAreOpen(@Nullable String why) {
        if (mode == Mode.REQUIRE) {
            throw new UserError("--sandbox=require: files cannot be closed off here: " + why);
        }
        LOG.log(Level.INFO, "files are not closed off as they should be: {0}", why);
    }

    /**
     * Refuses the system calls that the process has no need of, to all threads; and files, where
     * nobody outside is needed any more. On the thread of {@link #restrictFiles}.
     *
     * @param broker whether {@link Broker} is
     */
    void restrictCalls(Sandbox.Needs needs, boolean broker) {
        if (mode == Mode.OFF) {
            return;
        }
        restrictOtherThreads(broker);
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

    private void restrictOtherThreads(boolean broker) {
        try (var mine = rules) {
            rules = null;
            if (mine != null && !broker && mine.canRestrictProcess()) {
                mine.restrictProcess();
                FilesClosed.ALL.tell();
            }
        } catch (SyscallException e) {
            LOG.log(Level.INFO, "the files of the JVM''s own threads: {0}", e.getMessage());
        }
    }
}
