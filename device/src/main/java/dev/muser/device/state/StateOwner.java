package dev.muser.device.state;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A process that uses a state.
 *
 * @param process its number
 * @param started when it was started, in clock ticks: numbers are given out again
 */
record StateOwner(long process, long started) {
    /** Of the words of {@code /proc/PID/stat} behind the name ({@code proc_pid_stat(5)}). */
    private static final int STATE = 0;

    private static final int START_TIME = 19;

    static StateOwner self() {
        long process = ProcessHandle.current().pid();
        var words = stat(process);
        return new StateOwner(process, words.length == 0 ? 0 : Long.parseLong(words[START_TIME]));
    }

    /** Whether it is not this process, and has not ended. */
    boolean isAnotherThatLives() {
        if (process == ProcessHandle.current().pid()) {
            return false;
        }
        var words = stat(process);
        return words.length > START_TIME
                && !words[STATE].equals("Z")
                && !words[STATE].equals("X")
                && words[START_TIME].equals(Long.toString(started));
    }

    /** Returns nothing when there is no such process. */
    private static String[] stat(long process) {
        try {
            var bytes = Files.readAllBytes(Path.of("/proc/" + process + "/stat"));
            var text = new String(bytes, StandardCharsets.ISO_8859_1);
            return text.substring(text.lastIndexOf(')') + 2).split(" ", -1);
        } catch (IOException e) {
            return new String[0];
        }
    }
}
