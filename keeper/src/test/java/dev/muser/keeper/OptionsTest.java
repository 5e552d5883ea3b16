package dev.muser.keeper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

class OptionsTest {
    private static Options parse(String line) {
        return Options.parse(line.split(" ", -1), Map.of("A", "b"));
    }

    @Test
    void shouldTakeTheCommandAsItIs() {
        var options = parse("-- java --spare -- x");
        assertThat(options.command()).containsExactly("java", "--spare", "--", "x");
        assertThat(options.environment()).containsExactly(Map.entry("A", "b"));
        assertThat(options.spare()).isFalse();
        assertThat(options.watchdog()).isZero();
    }

    @Test
    void shouldReadOptions() {
        var options =
                parse(
                        "--spare --capacity=7 --watchdog=2.5 --deaths=0 --within=1 --steady=0"
                            + " --start-timeout=3 --stop-timeout=4 --handover-timeout=0.25 -- x");
        assertThat(options.spare()).isTrue();
        assertThat(options.capacity()).isEqualTo(7);
        assertThat(options.deaths()).isZero();
        assertThat(options.watchdog()).isEqualTo(Duration.ofMillis(2500));
        assertThat(options.within()).isEqualTo(Duration.ofSeconds(1));
        assertThat(options.steady()).isZero();
        assertThat(options.startTimeout()).isEqualTo(Duration.ofSeconds(3));
        assertThat(options.stopTimeout()).isEqualTo(Duration.ofSeconds(4));
        assertThat(options.handoverTimeout()).isEqualTo(Duration.ofMillis(250));
    }

    @Test
    void shouldSayWhichOptionIsWrong() {
        for (var bad :
                new String[] {
                    "--spar", "--spare=1", "--capacity=0", "--capacity", "--deaths=-1",
                    "--deaths=x", "--watchdog=-1", "--watchdog=NaN", "--within=1e99", "x"
                }) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> parse(bad + " -- x"))
                    .withMessageContaining(bad);
        }
    }

    @Test
    void shouldSayThatThereIsNoCommand() {
        for (var none : new String[] {"--spare", "--spare --"}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> parse(none))
                    .withMessageContaining("no command");
        }
    }
}
