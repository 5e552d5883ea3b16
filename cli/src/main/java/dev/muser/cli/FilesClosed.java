package dev.muser.cli;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which threads of a serving process Landlock keeps from files. The kernel does not tell, so the
 * thread that restricts itself does, once it is done, by its name: who can look at the process can
 * read it, no client has a say in it, and it goes with the process.
 */
enum FilesClosed {
    NO("landlock-no", "no"),
    PART("landlock-part", "threads that serve, in part"),
    SERVING("landlock-serve", "threads that serve"),
    ALL("landlock-all", "all threads");

    /** Of 15 bytes at most: Linux keeps no more. */
    private final String thread;

    private final String words;

    FilesClosed(String thread, String words) {
        this.thread = thread;
        this.words = words;
    }

    /** Says it of this process. */
    void tell() {
        Thread.currentThread().setName(thread);
    }

    /**
     * Returns what a process tells whose threads have these names, the least if it is more than one
     * thing; null when it tells nothing.
     */
    static @Nullable FilesClosed toldBy(Set<String> names) {
        for (var each : values()) {
            if (names.contains(each.thread)) {
                return each;
            }
        }
        return null;
    }

    @Override
    public String toString() {
        return words;
    }
}
