package dev.muser.client.nvme;

import dev.muser.client.DmaMemory;
import java.time.Duration;

/**
 * How {@link NvmeDriver} uses a controller.
 *
 * @param queues how many I/O queue pairs it asks for; the controller may give fewer
 * @param depth how many commands each of them may have in flight
 * @param mode how it learns of completions
 * @param memory where the queues lie: {@link DmaMemory#MESSAGES} makes the device ask for each
 *     entry
 * @param maxTransfer the largest command in bytes, if the controller's MDTS is not smaller
 * @param sgl whether commands carry SGLs in place of PRPs, where the controller knows them
 * @param shadowDoorbells whether doorbells lie in memory, where the controller knows that
 * @param asyncEvents how many Asynchronous Event Requests it leaves with the controller, at most
 * @param timeout how long a command may take that somebody waits for
 */
public record NvmeDriverOptions(
        int queues,
        int depth,
        Mode mode,
        DmaMemory memory,
        int maxTransfer,
        boolean sgl,
        boolean shadowDoorbells,
        int asyncEvents,
        Duration timeout) {

    /** How a driver learns of completions. */
    public enum Mode {
        /** It looks again and again: fast, and costs a CPU. */
        POLLING,

        /** It sleeps until it is interrupted. */
        INTERRUPT
    }

    /** One queue pair of 32 commands, polling, in shared memory, with PRPs of up to 1 MiB. */
    public static final NvmeDriverOptions DEFAULTS =
            new NvmeDriverOptions(
                    1,
                    32,
                    Mode.POLLING,
                    DmaMemory.PAGES,
                    1 << 20,
                    false,
                    false,
                    4,
                    Duration.ofSeconds(10));

    /** Refuses what makes no sense. */
    public NvmeDriverOptions {
        if (queues < 1 || queues > 65535 || depth < 1 || depth > 65535) {
            throw new IllegalArgumentException(
                    "%d queues of depth %d: 1 to 65535 can be had of each"
                            .formatted(queues, depth));
        }
        if (maxTransfer < 4096 || asyncEvents < 0 || asyncEvents > 128) {
            throw new IllegalArgumentException(
                    "transfers of %d bytes, %d event requests: 4096 at least, 128 at most"
                            .formatted(maxTransfer, asyncEvents));
        }
    }

    public NvmeDriverOptions withQueues(int count) {
        return new NvmeDriverOptions(
                count,
                depth,
                mode,
                memory,
                maxTransfer,
                sgl,
                shadowDoorbells,
                asyncEvents,
                timeout);
    }

    public NvmeDriverOptions withDepth(int commands) {
        return new NvmeDriverOptions(
                queues,
                commands,
                mode,
                memory,
                maxTransfer,
                sgl,
                shadowDoorbells,
                asyncEvents,
                timeout);
    }

    public NvmeDriverOptions withMode(Mode way) {
        return new NvmeDriverOptions(
                queues,
                depth,
                way,
                memory,
                maxTransfer,
                sgl,
                shadowDoorbells,
                asyncEvents,
                timeout);
    }

    public NvmeDriverOptions withMemory(DmaMemory kind) {
        return new NvmeDriverOptions(
                queues, depth, mode, kind, maxTransfer, sgl, shadowDoorbells, asyncEvents, timeout);
    }

    public NvmeDriverOptions withMaxTransfer(int bytes) {
        return new NvmeDriverOptions(
                queues, depth, mode, memory, bytes, sgl, shadowDoorbells, asyncEvents, timeout);
    }

    public NvmeDriverOptions withSgl(boolean on) {
        return new NvmeDriverOptions(
                queues,
                depth,
                mode,
                memory,
                maxTransfer,
                on,
                shadowDoorbells,
                asyncEvents,
                timeout);
    }

    public NvmeDriverOptions withShadowDoorbells(boolean on) {
        return new NvmeDriverOptions(
                queues, depth, mode, memory, maxTransfer, sgl, on, asyncEvents, timeout);
    }

    public NvmeDriverOptions withAsyncEvents(int count) {
        return new NvmeDriverOptions(
                queues, depth, mode, memory, maxTransfer, sgl, shadowDoorbells, count, timeout);
    }

    public NvmeDriverOptions withTimeout(Duration limit) {
        return new NvmeDriverOptions(
                queues, depth, mode, memory, maxTransfer, sgl, shadowDoorbells, asyncEvents, limit);
    }
}
