package dev.muser.conform;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * That a sound server passes, and that each fault of another makes its cases fail, and no others.
 */
final class ConformanceTest {
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    /** For servers that leave something unanswered, each time until this is over. */
    private static final Duration IMPATIENCE = Duration.ofSeconds(1);

    private static final String OVERLAPS =
            "dma-map/same-range dma-map/overlap-begin dma-map/overlap-end dma-map/overlap-inside"
                    + " dma-map/overlap-around";

    private static final String STAYS =
            "dma-unmap/begin dma-unmap/end dma-unmap/inside dma-unmap/around dma-unmap/size-0"
                    + " dma-unmap/two dma-unmap/wrap";

    private static final String IRQ_INFO =
            "irq-info/index-beyond irq-info/index-max irq-info/length-0 irq-info/length-15";

    private static final String ALL_IRQ_INFO =
            IRQ_INFO
                    + " irq-info/index-0 irq-info/index-1 irq-info/index-2 irq-info/index-3"
                    + " irq-info/index-4 irq-info/argsz-large";

    private static final String IRQ_ARGSZ = "irq-info/argsz-0 irq-info/argsz-15";

    @TempDir private Path folder = Path.of("");

    /** A fault, and what comes of it. */
    record Expectation(Fault fault, String failed, String noted, Duration patience) {
        @Override
        public String toString() {
            return fault.name();
        }
    }

    private static Expectation expect(Fault fault, String failed, String noted) {
        return new Expectation(fault, failed, noted, PATIENCE);
    }

    private static Expectation silence(Fault fault, String failed, String noted) {
        return new Expectation(fault, failed, noted, IMPATIENCE);
    }

    static List<Expectation> faults() {
        return List.of(
                expect(Fault.REPLY_ID, ALL_IRQ_INFO, IRQ_ARGSZ),
                expect(Fault.REPLY_COMMAND, ALL_IRQ_INFO, IRQ_ARGSZ),
                expect(Fault.INFO_ARGSZ, "device-info/reply device-info/argsz-large", ""),
                expect(
                        Fault.ERRNO_MISSING,
                        "",
                        "header/error-number dma-map/same dma-unmap/never dma-unmap/twice "
                                + OVERLAPS
                                + " "
                                + STAYS),
                expect(Fault.ERROR_PAYLOAD, IRQ_INFO, IRQ_ARGSZ),
                silence(
                        Fault.UNKNOWN_SWALLOWED,
                        "header/unknown-0 header/unknown-19 header/unknown-99"
                                + " header/unknown-65535 header/unknown-payload"
                                + " stream/pipelined-mixed",
                        "descriptors/unexpected-unknown"),
                expect(
                        Fault.UNKNOWN_NOT_SKIPPED,
                        "header/unknown-payload stream/pipelined-mixed",
                        ""),
                silence(
                        Fault.RESET_HANGS,
                        "device-reset/reply device-reset/config device-reset/twice"
                                + " device-reset/dma device-reset/no-reply device-reset/payload",
                        "migration/reset migration/truncated"),
                expect(
                        Fault.DESCRIPTOR_LATE,
                        "region-info/region-1 region-io-fds/entries region-io-fds/argsz-fixed",
                        "region-io-fds/flags region-io-fds/count"),
                expect(Fault.DESCRIPTOR_MISSING, "region-info/region-1", ""),
                expect(Fault.DESCRIPTOR_EXTRA, "region-info/region-0", ""),
                expect(
                        Fault.NO_REPLY_IGNORED,
                        "header/no-reply header/no-reply-error header/no-reply-unknown"
                                + " stream/pipelined-mixed dma-map/no-reply set-irqs/no-reply"
                                + " region-read/no-reply region-write/no-reply"
                                + " device-reset/no-reply write-multi/no-reply version/no-reply",
                        ""),
                expect(Fault.OVERLAP_TAKEN, OVERLAPS, "dma-map/same"),
                expect(Fault.OVERLAP_EINVAL, "", OVERLAPS + " dma-map/same"),
                expect(Fault.UNMAP_PART, "dma-unmap/begin", ""),
                expect(Fault.UNMAP_KEEPS_MAPPING, "dma-unmap/released", ""),
                expect(
                        Fault.UNMAP_REPLY_EMPTY,
                        "dma-unmap/reply dma-unmap/no-descriptor device-reset/dma "
                                + OVERLAPS
                                + " "
                                + STAYS,
                        ""),
                expect(Fault.READ_BEYOND, "region-read/beyond region-read/over-end", ""),
                silence(
                        Fault.IRQ_SILENT,
                        "set-irqs/trigger set-irqs/trigger-bool set-irqs/trigger-range"
                                + " set-irqs/trigger-last set-irqs/several set-irqs/replace"
                                + " set-irqs/remove-one set-irqs/no-reply",
                        ""),
                expect(
                        Fault.IRQ_BEYOND,
                        "set-irqs/start-beyond set-irqs/count-beyond set-irqs/start-max"
                                + " set-irqs/count-max set-irqs/sum-overflow",
                        ""),
                expect(Fault.IRQ_NOT_REPLACED, "set-irqs/replace", ""),
                silence(
                        Fault.DESCRIPTORS_KEPT,
                        "descriptors/disconnection",
                        "descriptors/unexpected-info descriptors/unexpected-unknown"
                                + " descriptors/unexpected-dma-unmap"
                                + " descriptors/unexpected-set-irqs descriptors/dma-map-pipe"),
                expect(Fault.REORDERED, "stream/pipelined stream/pipelined-mixed", ""),
                expect(Fault.CAPABILITY_LOOP, "region-info/region-1", ""),
                expect(Fault.AREA_BEYOND, "region-info/region-1", ""),
                expect(
                        Fault.ARGSZ_IGNORED,
                        "region-info/argsz-fixed region-info/argsz-part",
                        "region-info/cut"),
                expect(Fault.WRONG_ARC, "migration/stop-copy-pre-copy", ""),
                expect(
                        Fault.LONG_WAYS_REFUSED,
                        "migration/round-trip migration/read-resuming"
                                + " migration/running-precopy-stop migration/running-resuming"
                                + " migration/running-precopy-resuming"
                                + " migration/running-resuming-running"
                                + " migration/running-resuming-stopcopy"
                                + " migration/running-resuming-precopy",
                        "migration/truncated"),
                expect(
                        Fault.DATA_ALWAYS_READ,
                        "migration/read-running migration/read-stopped migration/read-resuming",
                        ""),
                expect(
                        Fault.DATA_ALWAYS_TAKEN,
                        "migration/write-running migration/write-stopped"
                                + " migration/write-saving migration/write-pre-copy",
                        ""),
                expect(Fault.TRUNCATED_TAKEN, "", "migration/truncated"),
                expect(Fault.TRUNCATED_RUNS, "", "migration/truncated"),
                expect(Fault.MIGRATION_NOT_RESET, "", "migration/reset migration/truncated"),
                expect(
                        Fault.PROBE_ANYTHING,
                        "device-feature/probe-migration device-feature/probe-logging-start"
                                + " device-feature/probe-logging-stop"
                                + " device-feature/probe-logging-report device-feature/unknown-0"
                                + " device-feature/unknown-3 device-feature/unknown-65535",
                        ""),
                expect(Fault.IO_FD_BEYOND, "region-io-fds/entries", ""),
                expect(Fault.IO_FD_MISSING, "region-io-fds/entries", ""),
                expect(Fault.IO_FDS_ARGSZ_IGNORED, "region-io-fds/argsz-fixed", ""),
                expect(
                        Fault.IO_FDS_INDEX_BEYOND,
                        "region-io-fds/index-beyond region-io-fds/index-max",
                        ""),
                expect(
                        Fault.PAGES_REPORTED,
                        "dma-logging/report",
                        "dma-logging/report-part dma-logging/report-pages"),
                expect(
                        Fault.MULTI_NOT_DONE,
                        "write-multi/one write-multi/order write-multi/no-reply",
                        ""),
                expect(
                        Fault.PIECES_REFUSED,
                        "",
                        "stream/byte-by-byte stream/cut-at-1 stream/cut-at-8 stream/cut-at-15"
                                + " stream/cut-at-16 stream/cut-at-17 stream/cut-at-31"
                                + " stream/one-and-a-half region-write/large"),
                expect(
                        Fault.MINOR_FIXED,
                        "version/minor-0 version/minor-1 disconnection/version",
                        ""),
                expect(
                        Fault.TWIN_UNASKED,
                        "version/twin-socket version/twin-socket-not-proposed",
                        "version/subset"),
                expect(Fault.MEMORY_KEPT, "disconnection/memory", ""),
                expect(Fault.MIGRATION_KEPT, "", "disconnection/migration"),
                expect(Fault.LOGGING_KEPT, "", "disconnection/logging"));
    }

    private Report run(ConformanceOptions options, Fault... faults) {
        var socket = folder.resolve("f.sock");
        try (var _ = new FakeServer(socket, faults)) {
            return new Conformance(socket, options, _ -> {}).run();
        }
    }

    private static List<String> ids(Report report, Outcome outcome) {
        return report.results().stream()
                .filter(result -> result.outcome() == outcome)
                .map(result -> result.about().id())
                .toList();
    }

    /** For messages of assertions: what happened, with the records. */
    private static String story(Report report, Outcome... outcomes) {
        return report.results().stream()
                .filter(result -> List.of(outcomes).contains(result.outcome()))
                .map(result -> TextReport.line(result) + TextReport.record(result))
                .collect(Collectors.joining());
    }

    private static List<String> words(String text) {
        return text.isEmpty() ? List.of() : Stream.of(text.split(" ", -1)).toList();
    }

    @Test
    void shouldFindNothingWrongWithASoundServer() {
        var report = run(ConformanceOptions.DEFAULTS);
        assertThat(story(report, Outcome.FAILED, Outcome.NOTED, Outcome.NOT_RUN)).isEmpty();
        assertThat(report.conforms()).isTrue();
        assertThat(report.results()).hasSameSizeAs(Conformance.cases());
        assertThat(ids(report, Outcome.NOT_OFFERED))
                .containsExactlyInAnyOrder(
                        "set-irqs/no-vectors",
                        "region-write/read-only",
                        "device-reset/not-offered",
                        "migration/pre-copy-not-offered",
                        "migration/without");
    }

    @ParameterizedTest
    @MethodSource("faults")
    void shouldFindAFaultByItsCasesAlone(Expectation expected) {
        var options = new ConformanceOptions(expected.patience, List.of(), false);
        var report = run(options, expected.fault);
        assertThat(ids(report, Outcome.FAILED))
                .as(() -> story(report, Outcome.FAILED))
                .containsExactlyInAnyOrderElementsOf(words(expected.failed));
        assertThat(ids(report, Outcome.NOTED))
                .as(() -> story(report, Outcome.NOTED))
                .containsExactlyInAnyOrderElementsOf(words(expected.noted));
        assertThat(ids(report, Outcome.NOT_RUN)).isEmpty();
        assertThat(report.conforms()).isEqualTo(expected.failed.isEmpty());
    }

    @Test
    void shouldTestAServerThatEndsWithItsClientAsFarAsItCan() {
        var options = new ConformanceOptions(IMPATIENCE, List.of(), false);
        var report = run(options, Fault.ONE_CLIENT);
        assertThat(ids(report, Outcome.FAILED)).isEmpty();
        assertThat(ids(report, Outcome.NOT_RUN))
                .containsExactlyElementsOf(
                        Conformance.cases().stream()
                                .filter(Case::needsOwnConnection)
                                .map(Case::id)
                                .toList());
        assertThat(report.conforms()).isFalse();
    }

    @Test
    void shouldLeaveOutWhatNeedsAnotherConnectionIfTold() {
        var options = new ConformanceOptions(PATIENCE, List.of(), true);
        var report = run(options, Fault.ONE_CLIENT);
        assertThat(report.conforms()).isTrue();
        assertThat(report.results())
                .isNotEmpty()
                .noneMatch(result -> result.about().needsOwnConnection());
    }

    @Test
    void shouldNotCallPassedWhatCouldNotBeRunAfterACrash() {
        var options = new ConformanceOptions(IMPATIENCE, List.of(), false);
        var report = run(options, Fault.WRAP_CRASHES);
        assertThat(ids(report, Outcome.NOTED)).containsExactly("dma-map/wrap");
        assertThat(ids(report, Outcome.NOT_RUN))
                .contains("dma-map/flags", "dma-unmap/reply", "version/minor-0");
        assertThat(report.conforms()).isFalse();
    }

    @Test
    void shouldTellOfAServerThatHangsForGood() {
        var options = new ConformanceOptions(IMPATIENCE, List.of(), false);
        var report = run(options, Fault.RESET_HANGS_FOR_GOOD);
        assertThat(ids(report, Outcome.FAILED)).containsExactly("device-reset/reply");
        assertThat(story(report, Outcome.FAILED)).contains("hangs");
        assertThat(ids(report, Outcome.NOT_RUN)).contains("device-reset/twice", "version/minor-0");
    }

    @Test
    void shouldTellASwallowedMessageFromAHangingServer() {
        var only = List.of("header/unknown-99");
        var report = run(new ConformanceOptions(IMPATIENCE, only, false), Fault.UNKNOWN_SWALLOWED);
        assertThat(ids(report, Outcome.FAILED)).containsExactly("header/unknown-99");
        assertThat(story(report, Outcome.FAILED)).contains("swallowed");
    }
}
