package dev.muser.keeper;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** How a process was started: {@code proc_pid_cmdline(5)}. */
final class CommandLine {
    private CommandLine() {}

    /** Returns the program and its arguments; nothing when the process is gone. */
    static List<String> of(long pid) {
        byte[] bytes;
        try {
            bytes = Files.readAllBytes(Path.of("/proc/".concat(Long.toString(pid)), "cmdline"));
        } catch (IOException e) {
            return List.of();
        }
        var words = new ArrayList<String>();
        int begin = 0;
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == 0) {
                words.add(new String(bytes, begin, i - begin, StandardCharsets.UTF_8));
                begin = i + 1;
            }
        }
        return words;
    }
}
