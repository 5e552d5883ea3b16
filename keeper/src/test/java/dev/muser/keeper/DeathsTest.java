package dev.muser.keeper;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class DeathsTest {
    private static final long MS = 1_000_000;
    private static final long SECOND = 1000 * MS;

    @Test
    void shouldGiveUpAfterTooManyInTooShortATime() {
        var deaths = new Deaths(3, 10 * SECOND);
        assertThat(deaths.record(0, false)).isZero();
        assertThat(deaths.record(SECOND, false)).isPositive();
        assertThat(deaths.record(10 * SECOND, false)).isEqualTo(Deaths.GIVE_UP);
    }

    @Test
    void shouldForgetThoseOfLongAgo() {
        var deaths = new Deaths(3, 10 * SECOND);
        for (int i = 0; i < 100; i++) {
            assertThat(deaths.record(6L * i * SECOND, false)).isNotNegative();
        }
        assertThat(deaths.record(6L * 99 * SECOND + 1, false)).isEqualTo(Deaths.GIVE_UP);
    }

    @Test
    void shouldNotCountThoseOfAProcessThatWasWell() {
        var deaths = new Deaths(2, 10 * SECOND);
        for (int i = 0; i < 100; i++) {
            assertThat(deaths.record(i, true)).isZero();
        }
        assertThat(deaths.record(100, false)).isEqualTo(Deaths.GIVE_UP);
        deaths.forget();
        assertThat(deaths.record(101, false)).isZero();
    }

    @Test
    void shouldWaitLongerEachTimeWithoutALimit() {
        var deaths = new Deaths(0, 10 * SECOND);
        long[] pauses = {0, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5000, 5000, 5000};
        for (long pause : pauses) {
            assertThat(deaths.record(0, false)).isEqualTo(pause * MS);
        }
        assertThat(deaths.record(0, true)).isZero();
        assertThat(deaths.record(0, false)).isEqualTo(10 * MS);
    }

    @Test
    void shouldGiveUpAtOnceWhenOneIsTooMany() {
        assertThat(new Deaths(1, SECOND).record(7, true)).isEqualTo(Deaths.GIVE_UP);
    }
}
