package dev.muser.protocol;

import java.math.BigInteger;

/** Unsigned arithmetic that cannot overflow, to compare the code under test with. */
final class Unsigned {
    static final BigInteger TWO_64 = BigInteger.ONE.shiftLeft(64);

    private Unsigned() {}

    static BigInteger of(long value) {
        return new BigInteger(Long.toUnsignedString(value));
    }

    static BigInteger divideUp(BigInteger value, BigInteger by) {
        return value.add(by).subtract(BigInteger.ONE).divide(by);
    }
}
