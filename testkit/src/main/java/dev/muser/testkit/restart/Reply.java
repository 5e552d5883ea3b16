package dev.muser.testkit.restart;

import java.util.HexFormat;

/**
 * What a client gets for a request.
 *
 * @param errno 0 for success
 * @param hex the bytes of the answer, as two digits each
 */
record Reply(int errno, String hex) {
    static final Reply DONE = new Reply(0, "");

    static Reply of(byte[] bytes) {
        return new Reply(0, HexFormat.of().formatHex(bytes));
    }

    @Override
    public String toString() {
        return errno != 0 ? "refused with errno " + errno : hex.isEmpty() ? "done" : "bytes " + hex;
    }
}
