package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import java.util.Collection;

/** As whom this process runs. */
public final class Identity {
    private static final int PR_SET_DUMPABLE = 4;

    private Identity() {}

    /**
     * Becomes another user for good, in all threads, with none of the privileges that this process
     * had.
     *
     * <p>To the kernel each thread has an identity of its own, so a bare system call would change
     * one. The functions of the C library have every thread make the call; then all are looked at.
     *
     * @param uid user id, and {@code gid} group id, as 32 bits without a sign
     * @param groups supplementary groups: all of them
     * @throws SyscallException EPERM when this process may not, which root may; EINVAL for an id
     *     that does not exist in this user namespace, or more than 65,536 groups
     */
    public static void become(int uid, int gid, Collection<Integer> groups) {
        try (var arena = Arena.ofConfined()) {
            var list = arena.allocate(4L * Math.max(1, groups.size()), 4);
            int n = 0;
            for (int group : groups) {
                list.setAtIndex(JAVA_INT, n++, group);
            }
            call("setgroups", n, list.address(), 0, arena);
            call("setresgid", gid, gid, gid, arena);
            call("setresuid", uid, uid, uid, arena);
        }
        // The kernel hides /proc/self of a process that was another; no secret of root's is here.
        Syscall.check("prctl PR_SET_DUMPABLE", Syscall.call(Syscall.PRCTL, PR_SET_DUMPABLE, 1, 0));
        requireAll(uid, gid);
    }

    private static void call(String name, long a, long b, long c, Arena arena) {
        var errno = arena.allocate(Linker.Option.captureStateLayout());
        int result;
        try {
            result = (int) (long) function(name).invokeExact(errno, a, b, c);
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
        if (result != 0) {
            throw new SyscallException(name, errno.get(JAVA_INT, 0));
        }
    }

    /** Linked when used: few servers change their user. */
    private static MethodHandle function(String name) {
        var linker = Linker.nativeLinker();
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow(name),
                FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
                Linker.Option.captureCallState("errno"));
    }

    private static void requireAll(int uid, int gid) {
        try {
            var status = ProcessStatus.of(ProcessHandle.current().pid());
            if (!status.uids().equals(ProcessStatus.allOf(uid))
                    || !status.gids().equals(ProcessStatus.allOf(gid))) {
                throw new IllegalStateException(
                        "the C library has not changed every thread's user: %s, %s"
                                .formatted(status.uids(), status.gids()));
            }
        } catch (IOException e) {
            throw new IllegalStateException("cannot look at this process's threads", e);
        }
    }
}
