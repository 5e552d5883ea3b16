package dev.muser.conform;

import java.nio.file.Path;
import java.util.List;

/**
 * What a run found.
 *
 * @param socket where the server is
 * @param results of all cases that were selected, in the order of {@link Conformance#cases}
 */
public record Report(Path socket, List<CaseResult> results) {
    public Report {
        results = List.copyOf(results);
    }

    public long count(Outcome outcome) {
        return results.stream().filter(result -> result.outcome() == outcome).count();
    }

    /** Whether every case that applies was run, and none failed. */
    public boolean conforms() {
        return count(Outcome.FAILED) == 0 && count(Outcome.NOT_RUN) == 0;
    }
}
