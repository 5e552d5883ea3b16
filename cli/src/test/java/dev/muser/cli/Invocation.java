package dev.muser.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;

/** What a command line came to, in this process. */
record Invocation(int code, String out, String err) {

    static Invocation run(String... arguments) {
        var out = new StringWriter();
        var err = new StringWriter();
        int code =
                Main.commandLine(arguments)
                        .setOut(new PrintWriter(out))
                        .setErr(new PrintWriter(err))
                        .execute(arguments);
        return new Invocation(code, out.toString(), err.toString());
    }

    /** Returns what it says when nothing is wrong. */
    static String said(String... arguments) {
        var invocation = run(arguments);
        assertThat(invocation.code).as(invocation.err).isZero();
        return invocation.out;
    }

    /** Returns the one line that it says when the command line is wrong. */
    static String refused(String... arguments) {
        var invocation = run(arguments);
        assertThat(invocation.code).as(invocation.err).isEqualTo(2);
        assertThat(invocation.out).isEmpty();
        assertThat(invocation.err.lines()).hasSize(1);
        return invocation.err.strip();
    }
}
