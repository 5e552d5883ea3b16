package dev.muser.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is done where the kernel has no Landlock, or an old one. */
final class ConfinementTest {
    private static final Reach NOTHING = new Reach(null, false, false, List.of(), false);

    @TempDir private Path folder = Path.of("");

    @Test
    void shouldGoOnWithoutLandlock() {
        var confinement = new Confinement(Confinement.Mode.ON, 0);
        confinement.restrictFiles(NOTHING);
        assertThat(confinement.restricted()).isEqualTo("no");
    }

    /** On a thread of its own, which stays restricted. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldTakeWhatAnOldLandlockHasAndSayThatItIsNotAll(int version) throws Exception {
        var file = Files.writeString(folder.resolve("file"), "secret");
        var restricted =
                new FutureTask<String>(() -> {
            var confinement = new Confinement(Confinement.Mode.ON, version);
            confinement.restrictFiles(NOTHING);
            assertThatThrownBy(() -> Files.readString(file))
                    .isInstanceOf(AccessDeniedException.class);
            return confinement.restricted();
        });
        Thread.ofPlatform().start(restricted);
        assertThat(restricted.get()).isEqualTo("threads that serve, in part");
        assertThat(file).hasContent("secret");
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
