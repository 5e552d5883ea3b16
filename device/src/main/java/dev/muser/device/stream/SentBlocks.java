package dev.muser.device.stream;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.DigestException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;

/**
 * Which blocks of an area have been sent, and what was in them: half of their SHA-256 each, so that
 * nobody who writes to the device's memory can have a change overlooked.
 */
final class SentBlocks {
    static final int BLOCK = 4096;

    private static final int DIGEST = 16;
    private static final int SHA_256 = 32;

    /** Blocks whose digests are kept together. */
    private static final int CHUNK = 1024;

    private final byte[][] digests;
    private final byte[] block = new byte[BLOCK];
    private final byte[] digest = new byte[SHA_256];
    private final MessageDigest sha;

    SentBlocks(long length) {
        long blocks = (length + BLOCK - 1) / BLOCK;
        digests = new byte[Math.toIntExact((blocks + CHUNK - 1) / CHUNK)][];
        try {
            sha = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java has SHA-256", e);
        }
    }

    /** Returns the first block from {@code from} on that was sent, but none from {@code limit}. */
    long nextSent(long from, long limit) {
        long next = from;
        while (next < limit) {
            var chunk = digests[(int) (next / CHUNK)];
            if (chunk == null) {
                next = (next / CHUNK + 1) * CHUNK;
            } else if (isSent(chunk, next)) {
                return next;
            } else {
                next++;
            }
        }
        return limit;
    }

    private static boolean isSent(byte[] chunk, long number) {
        int at = (int) (number % CHUNK) * DIGEST;
        for (int i = 0; i < DIGEST; i++) {
            if (chunk[at + i] != 0) {
                return true;
            }
        }
        return false;
    }

    /**
     * Whether block {@code number}, of {@code count} bytes at {@code at}, is to be sent: it differs
     * from what was sent, or from zero. It counts as sent then.
     */
    boolean takes(long number, MemorySegment bytes, long at, int count) {
        MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, at, block, 0, count);
        int index = (int) (number / CHUNK);
        var chunk = digests[index];
        if (chunk == null || !isSent(chunk, number)) {
            if (isZero(count)) {
                return false;
            }
            if (chunk == null) {
                chunk = new byte[CHUNK * DIGEST];
                digests[index] = chunk;
            }
        }
        try {
            sha.update(block, 0, count);
            sha.digest(digest, 0, SHA_256);
        } catch (DigestException e) {
            throw new AssertionError("it has room", e);
        }
        int place = (int) (number % CHUNK) * DIGEST;
        if (Arrays.equals(digest, 0, DIGEST, chunk, place, place + DIGEST)) {
            return false;
        }
        System.arraycopy(digest, 0, chunk, place, DIGEST);
        return true;
    }

    private boolean isZero(int count) {
        for (int i = 0; i < count; i++) {
            if (block[i] != 0) {
                return false;
            }
        }
        return true;
    }
}
