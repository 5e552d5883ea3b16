package dev.muser.testkit;

/**
 * A client wrote to a BAR.
 *
 * @param region the BAR's number
 * @param offset in bytes
 * @param count in bytes
 * @param value the first 8 bytes, little-endian
 */
public record RegionWrite(int region, long offset, int count, long value) {}
