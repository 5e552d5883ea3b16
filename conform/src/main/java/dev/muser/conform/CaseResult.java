package dev.muser.conform;

import java.time.Duration;
import java.util.List;

/**
 * What came of one case.
 *
 * @param about which case
 * @param outcome what it came to
 * @param reason in one line why it is not {@link Outcome#PASSED}; empty when it is
 * @param events what was sent, expected and got, in order
 * @param took how long it ran
 */
public record CaseResult(
        Case about, Outcome outcome, String reason, List<Event> events, Duration took) {

    public CaseResult {
        events = List.copyOf(events);
    }
}
