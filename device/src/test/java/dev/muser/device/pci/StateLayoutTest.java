package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.device.state.StateMismatchException;
import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.Test;

final class StateLayoutTest {
    /** A client that may send 64 MiB of state would have the server take them to its heap. */
    @Test
    void shouldNotReadASchemaThatNoBuildHas() {
        var layout = new StateLayout(List.of(new StateLayout.Entry("field", 0, 8)), 8);
        var memory = Arena.ofAuto().allocate(4 << 20, 8);
        layout.format(memory.asSlice(0, layout.size()));
        layout.check(memory);
        memory.set(StateLayout.U64, 8, memory.byteSize());
        memory.set(StateLayout.U32, 16, (1 << 20) + 1);
        memory.set(StateLayout.U32, 20, 2 << 20);
        assertThatThrownBy(() -> layout.check(memory))
                .isInstanceOf(StateMismatchException.class)
                .hasMessageContaining("schema of 1048577 bytes");
    }

    @Test
    void shouldNotMakeASchemaThatNoBuildReads() {
        var field = new StateLayout.Entry("f".repeat(1 << 20), 0, 8);
        var layout = new StateLayout(List.of(field), 8);
        assertThatThrownBy(layout::size)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageStartingWith("1 fields of state take a schema of");
    }
}
