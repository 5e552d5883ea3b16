package dev.muser.testkit.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.devices.idio16.Idio16;
import dev.muser.devices.idio16.InputPattern;
import dev.muser.testkit.ServedDevice;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Linux's own driver, gpio-pci-idio-16, on our device: what it sets is what the device sees. */
class Idio16GuestIT {
    private static final RunAs USER = RunAs.ordinaryUser();

    @Test
    void shouldBeDrivenByTheKernelsOwnDriver() {
        try (var board = ServedDevice.start(ctx -> new Idio16(ctx, InputPattern.LOOPBACK))) {
            USER.give(board.directory());
            USER.give(board.socket());
            List<String> lines;
            try (var guest =
                    GuestVm.builder()
                            .runAs(USER)
                            .vfioUser(board.socket())
                            .availableModules("gpio-pci-idio-16")
                            .logs(Path.of("target", "guests", "idio16"))
                            .python("idio16.py")
                            .start()) {
                guest.await("OK driver pci-idio-16");
                guest.await("IDIO16-DONE");
                assertThat(guest.awaitScript()).isZero();
                lines = guest.lines();
            }
            var rounds = lines.stream().filter(line -> line.startsWith("WROTE ")).toList();
            assertThat(rounds).hasSize(20);
            for (var round : rounds) {
                var words = round.split(" ", -1);
                assertThat(words[5]).as("inputs of " + round).isEqualTo(words[1]);
            }
            var wanted =
                    rounds.stream().map(round -> Integer.decode(round.split(" ", -1)[1])).toList();
            // gpioset switched line 3 on and off before; then the script set word after word.
            assertThat(outputs(board)).startsWith(0x0008, 0x0000).containsSubsequence(wanted);
            assertThat(outputs(board)).containsExactlyElementsOf(switchedOneByOne(wanted));
        }
    }

    /** The 16 outputs after each write to one of their two registers. */
    private static List<Integer> outputs(ServedDevice board) {
        var outputs = new ArrayList<Integer>();
        int value = 0;
        for (var write : board.writes()) {
            if (write.region() == 2 && write.offset() == 0) {
                value = (value & 0xff00) | (int) write.value();
                outputs.add(value);
            } else if (write.region() == 2 && write.offset() == 4) {
                value = (value & 0xff) | ((int) write.value() << 8);
                outputs.add(value);
            }
        }
        return outputs;
    }

    /** What the script does: lines that differ are switched from 0 to 15, one write each. */
    private static List<Integer> switchedOneByOne(List<Integer> words) {
        var steps = new ArrayList<>(List.of(0x0008, 0x0000));
        int value = 0;
        for (int word : words) {
            for (int line = 0; line < 16; line++) {
                if ((((value ^ word) >> line) & 1) != 0) {
                    value ^= 1 << line;
                    steps.add(value);
                }
            }
        }
        return steps;
    }
}
