package dev.muser.client.nvme;

import dev.muser.client.DmaBuffer;
import dev.muser.client.PciFunction;
import dev.muser.linux.Affinity;

/**
 * What the driver itself costs: a program, not a test. A controller on the other CPU completes all
 * commands without looking at them.
 */
final class DriverCost {
    private static final int PAGE = 4096;

    private final IoQueue queue;
    private final DmaBuffer buffer;
    private final CompletionHandler again = this::again;
    private long left;
    private long done;

    private DriverCost(IoQueue queue, DmaBuffer buffer) {
        this.queue = queue;
        this.buffer = buffer;
    }

    private void again(Completion completion) {
        done++;
        if (left > 0) {
            left--;
            long slot = completion.cookie();
            queue.read(slot * 8, 8, buffer, slot * PAGE, slot);
        }
    }

    private long run(int depth, long commands) {
        left = commands - depth;
        done = 0;
        long start = System.nanoTime();
        for (int i = 0; i < depth; i++) {
            queue.read(i * 8L, 8, buffer, (long) i * PAGE, i);
        }
        queue.kick();
        while (done < commands) {
            if (queue.poll(again) > 0) {
                queue.kick();
            }
        }
        return System.nanoTime() - start;
    }

    public static void main(String[] args) {
        int millis = args.length > 0 ? Integer.parseInt(args[0]) : 500;
        Affinity.pin(0);
        var device = new FakeController(FakeController.Way.THREAD, 0);
        device.queues.echo = true;
        device.start(() -> Affinity.pin(1));
        var options =
                NvmeDriverOptions.DEFAULTS
                        .withDepth(128)
                        .withShadowDoorbells(args.length > 1 && args[1].equals("shadow"));
        try (device;
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, options)) {
            var cost = new DriverCost(driver.queue(0), function.dma().allocate(128L * PAGE));
            for (int depth : new int[] {128, 1, 4, 32, 128, 1, 4, 32, 128}) {
                long commands = 200_000;
                long best = Long.MAX_VALUE;
                for (long end = System.nanoTime() + millis * 1_000_000L;
                        System.nanoTime() < end; ) {
                    best = Math.min(best, cost.run(depth, commands));
                }
                System.out.printf(
                        "depth %d: %.1f ns a command, %.2f million a second%n",
                        depth, (double) best / commands, 1e3 * commands / best);
            }
        }
    }
}
