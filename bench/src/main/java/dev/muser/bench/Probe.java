package dev.muser.bench;

/** Something that is measured again and again. */
interface Probe {

    /** Does it {@link #batch} times; returns how many nanoseconds that took. */
    long sample();

    /** How often one sample does it: more than once for what is too short to be timed alone. */
    default int batch() {
        return 1;
    }
}
