package dev.muser.testkit.restart;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.pci.DeviceFactory;
import dev.muser.devices.conformance.Conformance;
import dev.muser.devices.edu.Edu;
import dev.muser.devices.idio16.Idio16;
import dev.muser.devices.idio16.InputPattern;
import dev.muser.devices.nvme.Doorbell;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.MemoryStorage;
import dev.muser.devices.timer.TimerDevice;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;
import org.junit.jupiter.api.Test;

/** The devices that ship survive the death of their process. */
class ShippedDevicesRestartTest {
    /** More of them: {@code mvn ... -Dmuser.restart.seeds=200}. */
    private static final int SEEDS = Integer.getInteger("muser.restart.seeds", 8);

    /** Clocks, statistics, places in a journal, heads that nobody looked at. */
    private static final String[] NOT_THE_SAME = {
        "nvme.timestamp.since",
        "nvme.smart.on_since",
        "nvme.smart.busy",
        "nvme.namespaces.counters",
        "nvme.in_flight",
        "nvme.cq"
    };

    private static List<RestartSummary> check(
            DeviceFactory factory, Supplier<RequestGenerator> generator) {
        var summaries = new ArrayList<RestartSummary>();
        for (int seed = 1; seed <= SEEDS; seed++) {
            summaries.add(RestartCheck.of(factory).generator(generator).seed(seed).run());
        }
        return summaries;
    }

    private static int sum(List<RestartSummary> summaries, ToIntFunction<RestartSummary> what) {
        return summaries.stream().mapToInt(what).sum();
    }

    @Test
    void shouldFindNothingInAnEdu() {
        var summaries = check(Edu::new, EduRequests::new);
        assertThat(sum(summaries, RestartSummary::deaths)).isPositive();
        assertThat(sum(summaries, RestartSummary::deathsAtWork)).isPositive();
        assertThat(sum(summaries, RestartSummary::deathsAtStart)).isPositive();
        assertThat(sum(summaries, RestartSummary::interrupts)).isPositive();
        assertThat(sum(summaries, RestartSummary::messages)).isPositive();
    }

    @Test
    void shouldFindNothingInADigitalBoardWithAnyOfItsPatterns() {
        for (var pattern :
                List.of(InputPattern.LOOPBACK, InputPattern.INVERTED, InputPattern.COUNTER)) {
            var summaries = check(ctx -> new Idio16(ctx, pattern), VfioRequests::new);
            assertThat(sum(summaries, RestartSummary::deaths)).isPositive();
            assertThat(sum(summaries, RestartSummary::interrupts)).isPositive();
        }
    }

    @Test
    void shouldFindNothingInATimer() {
        var summaries = new ArrayList<RestartSummary>();
        for (int seed = 1; seed <= SEEDS; seed++) {
            var clock = InstantSource.fixed(Instant.ofEpochSecond(1000));
            summaries.add(
                    RestartCheck.of(ctx -> new TimerDevice(ctx, clock))
                            .generator(() -> new VfioRequests(0, 1, 999, 1000, 1001, -1))
                            .seed(seed)
                            .run());
        }
        assertThat(sum(summaries, RestartSummary::deaths)).isPositive();
        assertThat(sum(summaries, RestartSummary::deathsAtWork)).isPositive();
        assertThat(sum(summaries, RestartSummary::interrupts)).isPositive();
        assertThat(sum(summaries, RestartSummary::messages)).isPositive();
    }

    @Test
    void shouldFindNothingInTheConformanceDevice() {
        var summaries = check(Conformance::new, VfioRequests::new);
        assertThat(sum(summaries, RestartSummary::deaths)).isPositive();
        assertThat(sum(summaries, RestartSummary::deathsAtWork)).isPositive();
        assertThat(sum(summaries, RestartSummary::interrupts)).isPositive();
    }

    @Test
    void shouldFindNothingInADisk() {
        var summaries = new ArrayList<RestartSummary>();
        for (int seed = 1; seed <= SEEDS; seed++) {
            summaries.add(
                    RestartCheck.ofEach(ShippedDevicesRestartTest::disk)
                            .memory(0x10_0000, NvmeRequests.PAGES * 4096L)
                            .generator(NvmeRequests::new)
                            .ignoring(NOT_THE_SAME)
                            .seed(seed)
                            .run());
        }
        assertThat(sum(summaries, RestartSummary::deaths)).isPositive();
        assertThat(sum(summaries, RestartSummary::deathsAtWork)).isPositive();
        assertThat(sum(summaries, RestartSummary::interrupts)).isPositive();
    }

    @Test
    void shouldFindNothingInAnEduThatMigrates() {
        for (int seed = 1; seed <= SEEDS; seed++) {
            var summary =
                    RestartCheck.of(Edu::new)
                            .generator(EduRequests::new)
                            .migrating()
                            .seed(seed)
                            .run();
            assertThat(summary.restarts()).isPositive();
        }
    }

    @Test
    void shouldFindNothingInADigitalBoardThatMigrates() {
        for (int seed = 1; seed <= SEEDS; seed++) {
            var summary =
                    RestartCheck.of(ctx -> new Idio16(ctx, InputPattern.COUNTER))
                            .migrating()
                            .seed(seed)
                            .run();
            assertThat(summary.restarts()).isPositive();
        }
    }

    @Test
    void shouldFindNothingInADiskThatMigrates() {
        for (int seed = 1; seed <= SEEDS; seed++) {
            var summary =
                    RestartCheck.ofEach(ShippedDevicesRestartTest::disk)
                            .memory(0x10_0000, NvmeRequests.PAGES * 4096L)
                            .generator(NvmeRequests::new)
                            .ignoring(NOT_THE_SAME)
                            .migrating()
                            .seed(seed)
                            .run();
            assertThat(summary.restarts()).isPositive();
        }
    }

    /** The bytes of a disk are what outlives its process. */
    private static DeviceFactory disk() {
        var storage = new MemoryStorage(1 << 20);
        var options =
                NvmeOptions.of("TEST", List.of(NamespaceOptions.of(storage, 512, "test")))
                        .withDoorbell(Doorbell.MESSAGES);
        return ctx -> new Nvme(ctx, options);
    }
}
