package dev.muser.keeper;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Against sd_notify(3). */
class NotificationTest {
    private static Notification parse(String text) {
        return Objects.requireNonNull(Notification.parse(text), text);
    }

    @Test
    void shouldReadStates() {
        var said = parse("READY=1\nSTATUS=serves a=b\nMAINPID=4711");
        assertThat(said.ready).isTrue();
        assertThat(said.mainPid).isEqualTo(4711);
        assertThat(parse("RELOADING=1\nMONOTONIC_USEC=5").reloading).isTrue();
        assertThat(parse("STOPPING=1\n").stopping).isTrue();
        assertThat(parse("RESTART_RESET=1").deathsForgiven).isTrue();
        assertThat(parse("WATCHDOG=1").alive).isTrue();
        assertThat(parse("WATCHDOG=trigger").hung).isTrue();
        assertThat(parse("WATCHDOG_USEC=20000000").watchdog).isEqualTo(20_000_000);
        assertThat(parse("EXTEND_TIMEOUT_USEC=1").extension).isEqualTo(1);
    }

    @Test
    void shouldReadWhatToKeepAndToForget() {
        var keep = parse("FDSTORE=1\nFDPOLL=0\nFDNAME=.state");
        assertThat(keep.keep).isTrue();
        assertThat(keep.forget).isFalse();
        assertThat(keep.nameToKeep()).isEqualTo(".state");
        var forget = parse("FDSTOREREMOVE=1\nFDNAME=.state");
        assertThat(forget.forget).isTrue();
        assertThat(forget.nameToForget()).isEqualTo(".state");
    }

    @Test
    void shouldPassOverNamesThatCannotBe() {
        for (var bad : new String[] {"", "a:b", "\u0007", "\u00e4", "x".repeat(256)}) {
            var said = parse("FDSTORE=1\nFDNAME=" + bad);
            assertThat(said.nameToKeep()).isEqualTo("stored");
            assertThat(said.nameToForget()).isNull();
        }
        assertThat(parse("FDSTORE=1").nameToKeep()).isEqualTo("stored");
        var longest = "x".repeat(255);
        assertThat(parse("FDNAME=" + longest).nameToForget()).isEqualTo(longest);
    }

    @Test
    void shouldPassOverWhatHasNoSense() {
        var said =
                parse(
                        """

                        =1
                        READY
                        READY=0
                        STOPPING=yes
                        WATCHDOG=2
                        MAINPID=-1
                        WATCHDOG_USEC=
                        EXTEND_TIMEOUT_USEC=99999999999999999999999
                        X_OTHER=READY=1
                         READY=1
                        """);
        assertThat(said.ready || said.stopping || said.alive || said.hung).isFalse();
        assertThat(said.mainPid).isEqualTo(Notification.NONE);
        assertThat(said.watchdog).isEqualTo(Notification.NONE);
        assertThat(said.extension).isEqualTo(Notification.NONE);
        assertThat(parse("MAINPID=1x").mainPid).isEqualTo(Notification.NONE);
    }

    @Test
    void shouldTakeTheFirstOfTwoWithOneName() {
        var said = parse("FDNAME=a\nFDNAME=b\nMAINPID=5\nMAINPID=6");
        assertThat(said.name).isEqualTo("a");
        assertThat(said.mainPid).isEqualTo(5);
    }

    @Test
    void shouldRefuseNulsInTheMiddle() {
        assertThat(Notification.parse("READY=1\0STOPPING=1")).isNull();
        assertThat(Notification.parse("\0READY=1")).isNull();
        assertThat(parse("READY=1\0").ready).isTrue();
        assertThat(parse("").ready).isFalse();
    }

    @Test
    void shouldReadAnything() {
        long seed = System.nanoTime();
        var random = new Random(seed);
        var pieces =
                List.of(
                        "READY",
                        "FDNAME",
                        "MAINPID",
                        "WATCHDOG_USEC",
                        "=",
                        "1",
                        "\n",
                        "\0",
                        ":",
                        "\uffff",
                        "77777",
                        "a");
        for (int round = 0; round < 20_000; round++) {
            var text = new StringBuilder();
            for (int i = random.nextInt(12); i > 0; i--) {
                text.append(pieces.get(random.nextInt(pieces.size())));
            }
            try {
                var said = Notification.parse(text.toString());
                assertThat(said == null || said.mainPid >= Notification.NONE).isTrue();
            } catch (RuntimeException e) {
                throw new AssertionError("seed " + seed + ": " + text, e);
            }
        }
    }
}
