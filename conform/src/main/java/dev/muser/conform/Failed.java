package dev.muser.conform;

/** A case has its answer: what came is not what is expected. */
final class Failed extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Failed(String message) {
        super(message, null, false, false);
    }
}
