package dev.muser.cli;

import java.io.PrintWriter;

/** A device that is served in one process and driven from another, for somebody who looks on. */
interface Demo {
    /**
     * Shows it.
     *
     * @return whether all was right
     */
    boolean run(Workshop workshop, PrintWriter out);

    /** Says what to type next. */
    void sayNext(PrintWriter out);
}
