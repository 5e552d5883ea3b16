package dev.muser.fuzz;

/** Something does not hold that must hold. */
public final class Finding extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public Finding(String message) {
        super(message);
    }

    /** Throws one unless it is so. */
    static void unless(boolean holds, String message) {
        if (!holds) {
            throw new Finding(message);
        }
    }
}
