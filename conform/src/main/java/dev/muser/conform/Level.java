package dev.muser.conform;

/** How much weight a case has. */
public enum Level {
    /** The specification says so. Not to do so is a failure. */
    MUST,

    /**
     * The specification leaves it open, or programs in use are known to differ. Not to do so is a
     * note.
     */
    SHOULD
}
