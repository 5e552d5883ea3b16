package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.invoke.MethodHandles;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;

/** What {@link SandboxedProgram} can be told that has to do with files and ports. */
final class LandlockTrials {
    /** Opened before there are rules, or by a thread outside. */
    private static @Nullable Fd handed;

    private LandlockTrials() {}

    static String answer(String[] words) throws Exception {
        return switch (words[0]) {
            case "confine", "confine-all" -> confine(words);
            case "in-a-new-thread" -> inANewThread(words);
            case "write" -> opened(words[1], 1);
            case "cut" -> opened(words[1], 0x201); // O_WRONLY | O_TRUNC
            case "make" -> opened(words[1], 0x41); // O_WRONLY | O_CREAT
            case "ring-read" -> ringOpened(words[1]);
            case "socket" -> socket(words[1]);
            case "main-open" -> {
                handed = DiskFile.open(Path.of(words[1]), DiskFile.READ_WRITE);
                yield "opened";
            }
            case "use" -> use();
            case "memory" -> memory();
            case "connect" -> connect(Integer.parseInt(words[1]));
            case "load" -> {
                MethodHandles.lookup().ensureInitialized(Class.forName(words[1]));
                yield "loaded";
            }
            default -> "what?";
        };
    }

    /** Words are rwm:PATH, to read, write or make sockets there, and port:NUMBER. */
    private static String confine(String[] words) {
        try (var rules = LandlockRuleset.create(false)) {
            rules.allow(Path.of(System.getProperty("java.home")), LandlockRuleset.READ);
            rules.allow(Path.of("/proc/self"), LandlockRuleset.READ);
            for (var entry : System.getProperty("java.class.path").split(":", -1)) {
                rules.allow(Path.of(entry), LandlockRuleset.READ);
            }
            for (var word : Arrays.asList(words).subList(1, words.length)) {
                var value = word.substring(word.indexOf(':') + 1);
                if (word.startsWith("port:")) {
                    rules.allowConnections(Integer.parseInt(value));
                } else {
                    rules.allow(Path.of(value), rights(word));
                }
            }
            if (!words[0].equals("confine-all")) {
                rules.restrictThread();
                return "confined";
            }
            if (!rules.canRestrictProcess()) {
                return "cannot";
            }
            rules.restrictProcess();
            return "confined";
        }
    }

    private static long rights(String word) {
        return switch (word.charAt(0)) {
            case 'r' -> LandlockRuleset.READ;
            case 'w' -> LandlockRuleset.WRITE_FILE;
            default -> LandlockRuleset.MAKE_SOCK | LandlockRuleset.REMOVE_FILE;
        };
    }

    private static String inANewThread(String[] words) throws Exception {
        var task = new FutureTask<>(() -> SandboxedProgram.answer(tail(words)));
        Thread.ofPlatform().start(task);
        return task.get();
    }

    private static String[] tail(String[] words) {
        return Arrays.copyOfRange(words, 1, words.length);
    }

    private static String opened(String path, int flags) {
        try (var arena = Arena.ofConfined()) {
            var name = arena.allocateFrom(path, StandardCharsets.UTF_8);
            return closed(Syscall.call(Syscall.OPENAT, -100, name.address(), flags, 0600, 0, 0));
        }
    }

    private static String closed(long result) {
        if (result < 0) {
            return Errno.name((int) -result);
        }
        Fd.own(result).close();
        return "ok";
    }

    /** IORING_OP_OPENAT: no filter of system calls sees it. */
    private static String ringOpened(String path) {
        try (var rings = IoUringRings.create(2);
                var arena = Arena.ofConfined()) {
            rings.sqes.set(JAVA_BYTE, 0, (byte) 18);
            rings.sqes.set(JAVA_INT, 4, -100); // AT_FDCWD
            rings.sqes.set(JAVA_LONG, 16, arena.allocateFrom(path).address());
            rings.submissions.set(JAVA_INT, rings.sqTail, 1);
            Syscall.check(
                    "io_uring_enter",
                    Syscall.call(
                            Syscall.IO_URING_ENTER,
                            rings.fd.number(),
                            1,
                            1,
                            1, // IORING_ENTER_GETEVENTS
                            0,
                            0));
            return closed(rings.completions.get(JAVA_INT, rings.cqes + 8L));
        }
    }

    private static String socket(String path) {
        try (var _ = UnixListener.bind(Path.of(path), 1)) {
            return Files.exists(Path.of(path)) ? "listens" : "not there";
        } catch (SyscallException e) {
            return Errno.name(e.errno());
        }
    }

    /** Writes and reads what was opened, and opens it anew. */
    private static String use() {
        var fd = handed;
        if (fd == null) {
            return "nothing";
        }
        try (var arena = Arena.ofConfined()) {
            var bytes = arena.allocateFrom("written");
            fd.writeAt(0, bytes, 0, 7);
            fd.readAt(0, bytes, 0, 7);
            return bytes.getString(0) + ", anew " + opened(DiskFile.pathOf(fd).toString(), 0);
        }
    }

    private static String memory() {
        try (var memory = MemoryFile.create("trial", 4096);
                var again = memory.reopenForReading()) {
            return "size " + FileStatus.of(again).size();
        }
    }

    private static String connect(int port) {
        long fd = Syscall.check("socket", Syscall.call(Syscall.SOCKET, 2, 1, 0));
        try (var socket = Fd.own(fd);
                var arena = Arena.ofConfined()) {
            // struct sockaddr_in: family u16 @0, port u16 big-endian @2, address @4; 16 bytes
            var address = arena.allocate(16, 8);
            address.set(JAVA_SHORT, 0, (short) 2);
            address.set(JAVA_SHORT, 2, Short.reverseBytes((short) port));
            address.set(JAVA_INT, 4, 0x0100_007f); // 127.0.0.1
            long result = Syscall.call(Syscall.CONNECT, socket.number(), address.address(), 16);
            return result < 0 ? Errno.name((int) -result) : "connected";
        }
    }
}
