package dev.muser.client.edu;

import dev.muser.client.BarView;
import dev.muser.client.DmaBuffer;
import dev.muser.client.Interrupt;
import dev.muser.client.PciFunction;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/**
 * Drives {@code edu}, QEMU's teaching device ({@code docs/specs/edu.rst}). What it uses is closed
 * with its {@link PciFunction}.
 */
public final class EduDriver {
    private static final int VENDOR = 0x1234;
    private static final int DEVICE = 0x11e8;

    // registers of BAR 0
    private static final int ID = 0x00; // 0xMMmm00ed, version MM.mm
    private static final int LIVENESS = 0x04; // reads as the complement of what was written
    private static final int FACTORIAL = 0x08; // n in, n! out
    private static final int STATUS = 0x20;
    private static final int IRQ_STATUS = 0x24;
    private static final int IRQ_ACK = 0x64;
    private static final int DMA_SOURCE = 0x80;
    private static final int DMA_DESTINATION = 0x88;
    private static final int DMA_COUNT = 0x90;
    private static final int DMA_COMMAND = 0x98;

    private static final int STATUS_IRQ_WHEN_DONE = 0x80;
    private static final int DMA_RUN = 1;
    private static final int DMA_FROM_DEVICE = 2;
    private static final int DMA_IRQ_WHEN_DONE = 4;
    private static final int IRQ_FACTORIAL = 1;
    private static final int IRQ_DMA = 0x100;

    /** Where the DMA engine sees the device's own memory. */
    private static final long DEVICE_MEMORY = 0x40000;

    /** Size of the device's memory in bytes. */
    public static final int DEVICE_MEMORY_SIZE = 4096;

    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final BarView registers;
    private final Interrupt interrupt;
    private final DmaBuffer buffer;

    /**
     * Takes the device into use.
     *
     * @throws IllegalArgumentException when it is not an edu
     */
    public EduDriver(PciFunction function) {
        var config = function.config();
        if (config.vendorId() != VENDOR || config.deviceId() != DEVICE) {
            throw new IllegalArgumentException(
                    "PCI device %04x:%04x is no edu, which is %04x:%04x"
                            .formatted(config.vendorId(), config.deviceId(), VENDOR, DEVICE));
        }
        config.enable();
        registers = function.bar(0);
        interrupt = function.interrupt();
        buffer = function.dma().allocate(DEVICE_MEMORY_SIZE);
    }

    /** Returns the version: 0x10 is 1.0, which is QEMU's. */
    public int version() {
        return registers.read32(ID) >>> 20;
    }

    /** Whether the device answers: it complements what it is given. */
    public boolean isAlive() {
        registers.write32(LIVENESS, 0x12345678);
        return registers.read32(LIVENESS) == ~0x12345678;
    }

    /** Computes {@code n!} modulo 2^32. */
    public int factorial(int n) {
        registers.write32(STATUS, STATUS_IRQ_WHEN_DONE);
        registers.write32(FACTORIAL, n);
        awaitInterrupt(IRQ_FACTORIAL);
        return registers.read32(FACTORIAL);
    }

    /** Copies {@code data}, at most 4096 bytes, to the start of the device's memory. */
    public void store(MemorySegment data) {
        buffer.segment().copyFrom(data);
        transfer(buffer.iova(), DEVICE_MEMORY, data.byteSize(), 0);
    }

    /** Fills {@code data}, at most 4096 bytes, from the start of the device's memory. */
    public void load(MemorySegment data) {
        transfer(DEVICE_MEMORY, buffer.iova(), data.byteSize(), DMA_FROM_DEVICE);
        data.copyFrom(buffer.segment().asSlice(0, data.byteSize()));
    }

    private void transfer(long source, long destination, long count, int direction) {
        registers.write64(DMA_SOURCE, source);
        registers.write64(DMA_DESTINATION, destination);
        registers.write64(DMA_COUNT, count);
        registers.write64(DMA_COMMAND, DMA_RUN | direction | DMA_IRQ_WHEN_DONE);
        awaitInterrupt(IRQ_DMA);
    }

    /** An interrupt may be about something else, or late: the status register says. */
    private void awaitInterrupt(int cause) {
        while ((registers.read32(IRQ_STATUS) & cause) == 0) {
            if (interrupt.await(PATIENCE) == 0) {
                throw new IllegalStateException("no %s within %s".formatted(interrupt, PATIENCE));
            }
        }
        registers.write32(IRQ_ACK, cause);
        interrupt.rearm();
    }
}
