package dev.muser.conform;

/** What a case came to. */
public enum Outcome {
    PASSED("passed"),

    /** Nothing is wrong, but something is other than it should be. */
    NOTED("passed with a note"),

    FAILED("failed"),

    /** The case is about something that this device does not have. */
    NOT_OFFERED("not offered"),

    /** There was no connection to run it on. */
    NOT_RUN("not run");

    private final String text;

    Outcome(String text) {
        this.text = text;
    }

    /** Returns it in words. */
    public String text() {
        return text;
    }
}
