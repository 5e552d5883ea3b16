package dev.muser.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

/** What is done where the kernel has no Landlock, or an old one. */
final class ConfinementTest {
    private static final Reach NOTHING = new Reach(null, false, false, List.of(), false);

    @Test
    void shouldGoOnWithoutLandlock() {
        var confinement = new Confinement(Confinement.Mode.ON, 0);
        confinement.restrictFiles(NOTHING);
        assertThat(confinement.restricted()).isEqualTo("no");
    }

    @Test
    void shouldRequireLandlockThatKeepsFilesFromBeingCut() {
        assertThatThrownBy(
                        () -> new Confinement(Confinement.Mode.REQUIRE, 0).restrictFiles(NOTHING))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "--sandbox=require: files cannot be closed off here: the kernel has no"
                                + " Landlock, and 3 (Linux 6.2) is needed");
        assertThatThrownBy(
                        () -> new Confinement(Confinement.Mode.REQUIRE, 2).restrictFiles(NOTHING))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("the kernel has Landlock 2, and 3 (Linux 6.2) is needed");
    }
}
