package dev.muser.testkit.restart;

/**
 * What a {@link RestartCheck} has been through, so that a test can tell whether it was worth
 * something.
 *
 * @param requests requests that were handled, by each of the two devices
 * @param restarts processes that came after another one
 * @param deaths how many of the processes before them died in the middle of a request
 * @param deathsAtWork how many died in the middle of a task, a timer, a completion or the like
 * @param deathsAtStart how many died before they had gone on
 * @param interrupts eventfds found signalled
 * @param messages messages by which memory was read or written
 */
public record RestartSummary(
        int requests,
        int restarts,
        int deaths,
        int deathsAtWork,
        int deathsAtStart,
        int interrupts,
        int messages) {}
