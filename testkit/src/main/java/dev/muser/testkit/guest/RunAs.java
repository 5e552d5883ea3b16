package dev.muser.testkit.guest;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;

/**
 * As whom QEMU runs. A vfio-user socket has the mode 0600, so QEMU must run as the user who owns
 * it: the user of the tests' JVM by default.
 */
public final class RunAs {
    /** The user whom Linux gives what nobody owns: any user without rights would do. */
    private static final int NOBODY = 65534;

    private final List<String> prefix;
    private final OptionalInt uid;

    private RunAs(List<String> prefix, OptionalInt uid) {
        this.prefix = prefix;
        this.uid = uid;
    }

    /** The JVM's own user. */
    public static RunAs self() {
        return new RunAs(List.of(), OptionalInt.empty());
    }

    /**
     * Another user and his group of the same number, without capabilities. Only root may do this,
     * by {@code setpriv} of util-linux.
     */
    public static RunAs user(int uid) {
        return new RunAs(
                List.of(
                        "setpriv",
                        "--reuid=" + uid,
                        "--regid=" + uid,
                        "--clear-groups",
                        "--inh-caps=-all",
                        "--bounding-set=-all",
                        "--no-new-privs"),
                OptionalInt.of(uid));
    }

    /** A user without rights: the JVM's own, unless that is root. */
    public static RunAs ordinaryUser() {
        return ownUid() == 0 ? user(NOBODY) : self();
    }

    /** Makes a file, for one a socket that was made by the JVM, this user's. */
    public void give(Path file) {
        try {
            if (uid.isPresent()) {
                Files.setAttribute(file, "unix:uid", uid.getAsInt(), LinkOption.NOFOLLOW_LINKS);
                Files.setAttribute(file, "unix:gid", uid.getAsInt(), LinkOption.NOFOLLOW_LINKS);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot give " + file + " to user " + uid, e);
        }
    }

    /** Returns what stands before the command. */
    List<String> prefix() {
        return prefix;
    }

    private static int ownUid() {
        try {
            return (int) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
        } catch (IOException e) {
            throw new UncheckedIOException("cannot tell who runs this: is /proc mounted?", e);
        }
    }
}
