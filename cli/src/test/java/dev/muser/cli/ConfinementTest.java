package dev.muser.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is done where the kernel has no Landlock, or an old one. */
final class ConfinementTest {
    private static final Reach NOTHING = new Reach(null, false, false, List.of(), false);

    @TempDir private Path folder = Path.of("");

    /** Returns the name of a thread of its own, which stays restricted. */
    private String restricted(Confinement confinement, boolean reaches) throws Exception {
        var file = Files.writeString(folder.resolve("file"), "secret");
        var told =
                new FutureTask<String>(() -> {
                    confinement.restrictFiles(NOTHING);
                    if (reaches) {
                        assertThat(file).hasContent("secret");
                    } else {
                        assertThatThrownBy(() -> Files.readString(file))
                                .isInstanceOf(AccessDeniedException.class);
                    }
                    return Thread.currentThread().getName();
                });
        Thread.ofPlatform().start(told);
        var name = told.get();
        assertThat(file).hasContent("secret");
        return name;
    }

    @Test
    void shouldGoOnWithoutLandlock() throws Exception {
        var confinement = new Confinement(Confinement.Mode.ON, 0);
        assertThat(restricted(confinement, true)).isEqualTo("landlock-no");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldTakeWhatAnOldLandlockHasAndSayThatItIsNotAll(int version) throws Exception {
        var confinement = new Confinement(Confinement.Mode.ON, version);
        assertThat(restricted(confinement, false)).isEqualTo("landlock-part");
    }

    @Test
    void shouldSayTheLeastThatThreadsTell() {
        assertThat(FilesClosed.toldBy(Set.of("java", "muser-serve"))).isNull();
        assertThat(FilesClosed.toldBy(Set.of("java", "landlock-part")))
                .hasToString("threads that serve, in part");
        assertThat(FilesClosed.toldBy(Set.of("landlock-all", "landlock-serve")))
                .hasToString("threads that serve");
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
