package dev.muser.testkit.guest;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Linux's own driver on a board whose process is killed: no access is lost, and none done twice.
 */
@Timeout(value = 2, unit = TimeUnit.HOURS)
class KilledBoardGuestIT {
    private static final RunAs USER = RunAs.ordinaryUser();
    private static final String ROUND = "OK round ";

    @TempDir private Path temporary = Path.of("");

    @ParameterizedTest
    @ValueSource(strings = {"loopback", "counter"})
    void shouldNotBeNoticed(String inputs) throws Exception {
        var folder = Files.createDirectory(temporary.resolve("d"));
        var trouble = Trouble.configured().half();
        try (var board = KeptDevice.serve(USER, folder, "idio16", "--set", "inputs=" + inputs)) {
            USER.give(temporary);
            try (var guest =
                    GuestVm.builder()
                            .vfioUser(board.socket())
                            .runAs(USER)
                            .availableModules("gpio-pci-idio-16")
                            .rebootable()
                            .patience(Duration.ofMinutes(10))
                            .logs(Path.of("target", "guests", "killed-board-" + inputs))
                            .python("idio16.py", inputs)
                            .start()) {
                guest.await(ROUND);
                trouble.make(board, false, guest);
                long rounds = guest.lines().stream().filter(line -> line.startsWith(ROUND)).count();
                guest.await(ROUND + (rounds + 2));
                guest.qmp().systemReset();
                guest.await("GUEST-UP ");
                guest.await("OK driver pci-idio-16");
                guest.await(ROUND + 2);
                guest.qmp().quit();
                assertThat(guest.awaitExit()).isZero();
                KeptDevice.assertThatNothingWasNoticed(guest);
                assertThat(guest.kernelLog()).doesNotContain("Call Trace", "nobody cared");
            }
            board.stop(trouble.kills());
        }
    }
}
