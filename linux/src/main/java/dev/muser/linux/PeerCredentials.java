package dev.muser.linux;

/**
 * Who is at the other end of a UNIX socket, at the time it connected.
 *
 * @param pid process id, in this process's pid namespace; 0 when it is outside
 * @param uid effective user id
 * @param gid effective group id
 */
public record PeerCredentials(int pid, int uid, int gid) {

    /** Returns the user id of this process. */
    public static int ownUid() {
        return (int) Syscall.call(Syscall.GETUID, 0);
    }
}
