package dev.muser.client;

/**
 * What a client and a server agreed on.
 *
 * @param minor version of the protocol; the major version is 0
 * @param maxDescriptors most descriptors that the server takes with one message
 * @param maxTransfer most bytes in one region access, DMA or migration message
 * @param maxDmaMaps most DMA mappings at a time
 * @param pageSizes page sizes for DMA mappings, one bit each
 * @param writeMultiple whether several writes can go in one message
 * @param twinSocket whether the server's requests come by a socket of their own
 */
public record Limits(
        int minor,
        int maxDescriptors,
        int maxTransfer,
        long maxDmaMaps,
        long pageSizes,
        boolean writeMultiple,
        boolean twinSocket) {}
