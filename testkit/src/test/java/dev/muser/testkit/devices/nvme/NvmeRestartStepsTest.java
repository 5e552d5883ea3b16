package dev.muser.testkit.devices.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.DmaMemory;
import dev.muser.client.PciFunction;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.device.ClientKind;
import dev.muser.devices.nvme.NvmeOptions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The process of a disk dies at each step of all that a driver may do with it. */
final class NvmeRestartStepsTest {
    /** As many runs for each way; 0 for one at each step. */
    private static final int RUNS = Integer.getInteger("muser.restart.runs", 400);

    private static RestartableDisk disk(boolean slow) {
        var made = new RestartableDisk[1];
        Runnable step =
                () -> {
                    if (made[0] != null) {
                        made[0].fuse.step();
                    }
                };
        made[0] =
                new RestartableDisk(
                        store -> RestartScenario.namespaces(store, slow, step),
                        namespaces -> NvmeOptions.of("STEPS", namespaces).withQueues(8));
        return made[0];
    }

    private static NvmeDriverOptions driverOptions(boolean shadow, boolean messages) {
        return NvmeDriverOptions.DEFAULTS
                .withQueues(3)
                .withDepth(5)
                .withAsyncEvents(2)
                .withShadowDoorbells(shadow)
                .withMemory(messages ? DmaMemory.MESSAGES : DmaMemory.PAGES);
    }

    /** Returns how many steps there were. */
    private static long run(
            ClientKind kind,
            boolean shadow,
            boolean messages,
            boolean slow,
            long first,
            long next) {
        try (var disk = disk(slow)) {
            disk.kind(kind);
            disk.slowMessages = messages && slow;
            long before = disk.fuse.steps();
            disk.fuse.light(first);
            disk.onBirth =
                    () -> {
                        if (next > 0 && disk.deaths() == 1) {
                            disk.fuse.light(next);
                        }
                    };
            try (var function = new PciFunction(disk)) {
                new RestartScenario(disk, function, driverOptions(shadow, messages)).run();
            } catch (RuntimeException | Error e) {
                throw new AssertionError("dead at step %d, then %d".formatted(first, next), e);
            }
            long steps = disk.fuse.steps() - before;
            if (first > 0 && steps > first) {
                assertThat(disk.deaths()).isPositive();
            }
            return steps;
        }
    }

    @ParameterizedTest(name = "{0}, shadow {1}, messages {2}, slow {3}")
    @CsvSource({
        "UNKNOWN, false, false, false",
        "VIRTUAL_MACHINE, false, false, true",
        "VIRTUAL_MACHINE, true, false, false",
        "VIRTUAL_MACHINE, false, true, true",
    })
    void shouldDoTheSame(ClientKind kind, boolean shadow, boolean messages, boolean slow) {
        long steps = run(kind, shadow, messages, slow, 0, 0);
        assertThat(steps).isGreaterThan(500);
        long stride = RUNS == 0 ? 1 : Math.max(1, steps / RUNS);
        for (long step = 1 + steps % stride; step <= steps; step += stride) {
            run(kind, shadow, messages, slow, step, 0);
            run(kind, shadow, messages, slow, step, 1 + step % 40); // while it goes on
        }
    }
}
