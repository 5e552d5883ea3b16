package dev.muser.device.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.FileStatus;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class StateSegmentTest {
    private static final String LABEL = "a test's";

    /** Opens what {@code dead} has left, which is as good as gone. */
    private static StateSegment successor(StateSegment dead) {
        return Objects.requireNonNull(StateSegment.open(dead.fd().duplicate(), LABEL));
    }

    @Test
    void isThereForASuccessorAsTheLastCommitLeftIt() {
        try (var segment = StateSegment.create(LABEL)) {
            var area = segment.area("numbers", 64);
            area.setLong(8, 1);
            segment.ready();
            area.setLong(8, 2);
            area.commit();
            area.setLong(8, 3);
            area.setLong(16, 4);
            area.setLong(8, 5);
            area.setLongNow(24, 6);
            try (var next = successor(segment)) {
                assertThat(next.isRestored()).isTrue();
                var same = next.area("numbers", 64);
                assertThat(same.isRestored()).isTrue();
                assertThat(same.getLong(8)).isEqualTo(2);
                assertThat(same.getLong(16)).isZero();
                assertThat(same.getLong(24)).isEqualTo(6);
                assertThat(next.area("others", 8).isRestored()).isFalse();
            }
        }
    }

    @Test
    void isNothingToGoOnFromUntilItIsReady() {
        try (var segment = StateSegment.create(LABEL)) {
            segment.area("numbers", 64).setLong(0, 1);
            segment.commit();
            assertThat(StateSegment.open(segment.fd().duplicate(), LABEL)).isNull();
        }
    }

    @Test
    void undoesTransactionsOfAnyLength() {
        var random = new Random(4);
        try (var segment = StateSegment.create(LABEL)) {
            int length = 1 << 20;
            var area = segment.area("bytes", length);
            var before = new byte[length];
            random.nextBytes(before);
            MemorySegment.copy(before, 0, area.memory(), ValueLayout.JAVA_BYTE, 0, length);
            segment.ready();
            for (int i = 0; i < 2000; i++) {
                int at = random.nextInt(length);
                int count = Math.min(length - at, random.nextInt(5000));
                area.save(at, count);
                area.memory().asSlice(at, count).fill((byte) i);
            }
            try (var next = successor(segment)) {
                assertThat(next.area("bytes", length).memory().toArray(ValueLayout.JAVA_BYTE))
                        .isEqualTo(before);
            }
        }
    }

    @Test
    void replacesAnAreaWithTheCommitAndNotBefore() {
        try (var segment = StateSegment.create(LABEL)) {
            segment.area("state", 8).setLong(0, 1);
            segment.ready();
            segment.replace("state", 16).setLongNow(8, 2);
            try (var next = successor(segment)) {
                assertThat(next.area("state", 8).getLong(0)).isEqualTo(1);
                next.replace("state", 16).setLongNow(8, 3);
                next.commit();
                try (var last = successor(next)) {
                    assertThat(last.area("state", 16).getLong(8)).isEqualTo(3);
                }
            }
        }
    }

    @Test
    void givesBackTheMemoryAndTheAddressesOfAnArea() {
        try (var segment = StateSegment.create(LABEL)) {
            segment.area("state", 8).setLong(0, 1);
            long taken = FileStatus.of(segment.fd()).allocated();
            for (int i = 0; i < 3; i++) {
                var area = segment.area("bits", 1 << 20);
                assertThat(area.getLong(0)).isZero();
                area.memory().fill((byte) 1);
                segment.release(area);
                assertThat(FileStatus.of(segment.fd()).allocated()).isEqualTo(taken);
                assertThat(area.memory().scope().isAlive()).isFalse();
            }
            assertThat(segment.area("state", 8).getLong(0)).isEqualTo(1);
        }
    }

    @Test
    void refusesAnAreaOfAnotherLengthByName() {
        try (var segment = StateSegment.create(LABEL)) {
            segment.area("dma", 64);
            segment.ready();
            try (var next = successor(segment)) {
                assertThatExceptionOfType(StateMismatchException.class)
                        .isThrownBy(() -> next.area("dma", 128))
                        .withMessage(
                                "the stored state has 64 bytes of 'dma' and this build needs 128");
            }
        }
    }

    @Test
    void refusesWhatALivingProcessUses() throws Exception {
        var sleeper = new ProcessBuilder("sleep", "1000").start();
        try (var segment = StateSegment.create(LABEL)) {
            segment.ready();
            var words =
                    Files.readString(Path.of("/proc/" + sleeper.pid() + "/stat")).split(" ", -1);
            try (var all = Mapping.confined(segment.fd(), 0, 4096, Mapping.Access.READ_WRITE)) {
                all.segment().set(ValueLayout.JAVA_LONG, 40, sleeper.pid());
                all.segment().set(ValueLayout.JAVA_LONG, 48, Long.parseLong(words[21]) - 1);
                successor(segment).close(); // another process of that number has used it
                all.segment().set(ValueLayout.JAVA_LONG, 40, sleeper.pid());
                all.segment().set(ValueLayout.JAVA_LONG, 48, Long.parseLong(words[21]));
            }
            assertThatExceptionOfType(StateMismatchException.class)
                    .isThrownBy(() -> successor(segment))
                    .withMessage("the stored state is in use by process " + sleeper.pid());
            sleeper.destroyForcibly().waitFor();
            successor(segment).close();
        } finally {
            sleeper.destroyForcibly();
        }
    }

    @Test
    void refusesWhatIsNoStateOrAnothers() {
        refused("the stored state is of 'a test's', and this is 'edu'", "edu", memory -> {});
        refused(
                "does not begin as one",
                LABEL,
                memory -> memory.set(ValueLayout.JAVA_BYTE, 0, (byte) 0));
        for (int at : new int[] {16, 24, 32, 240, 248}) {
            refused("damaged", LABEL, memory -> memory.set(ValueLayout.JAVA_LONG, at, -1));
        }
        refused("damaged", LABEL, memory -> memory.set(ValueLayout.JAVA_LONG, 32, 1L << 50));
        refused("log is damaged", LABEL, memory -> memory.set(ValueLayout.JAVA_LONG, 64, 24));
        refused("log is damaged", LABEL, memory -> memory.set(ValueLayout.JAVA_LONG, 64, -8));
        try (var fd = EventFd.create();
                var unsealed = MemoryFile.create("test", 1 << 20);
                var small = MemoryFile.create("test", 8)) {
            MemoryFile.seal(small, MemoryFile.SEAL_SHRINK);
            for (var wrong : new Fd[] {fd, unsealed, small}) {
                assertThatThrownBy(() -> StateSegment.open(wrong, LABEL))
                        .isInstanceOf(StateMismatchException.class)
                        .hasMessage("what is stored as the state is not such memory");
            }
        }
    }

    private static void refused(String why, String label, Consumer<MemorySegment> damage) {
        try (var segment = StateSegment.create(LABEL)) {
            segment.area("numbers", 64);
            segment.ready();
            segment.area("numbers", 64).setLong(0, 1);
            // an entry of the log that says nothing sensible
            try (var all = Mapping.confined(segment.fd(), 0, 8192, Mapping.Access.READ_WRITE)) {
                if (why.startsWith("log")) {
                    all.segment().set(ValueLayout.JAVA_LONG, 4096, 1L << 60);
                }
                damage.accept(all.segment());
            }
            try (var fd = segment.fd().duplicate()) {
                assertThatThrownBy(() -> StateSegment.open(fd, label))
                        .isInstanceOf(StateMismatchException.class)
                        .hasMessageContaining(why);
            }
        }
    }
}
