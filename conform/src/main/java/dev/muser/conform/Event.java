package dev.muser.conform;

/**
 * A step of a case.
 *
 * @param kind what happened
 * @param text in words
 * @param hex the message's bytes, of long ones the beginning; empty when it is no message
 */
public record Event(Kind kind, String text, String hex) {
    /** What a step can be. */
    public enum Kind {
        SENT,
        GOT,
        EXPECTED,
        /** What came instead of what a requirement expects. */
        FAILED,
        /** What came instead of what a recommendation expects. */
        NOTED
    }
}
