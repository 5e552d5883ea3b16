package dev.muser.bench;

/** What a JVM costs before it does anything. */
public final class Nothing {
    private Nothing() {}

    /** Not for users: says that it is there, and ends. */
    public static void main(String[] args) {
        ChildJvm.sayReady();
    }
}
