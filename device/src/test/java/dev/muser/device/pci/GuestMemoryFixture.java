package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.muser.device.VfioException;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;

/** The memory of a client, and a check that nothing of it is left. */
// mappings belong to the thread that makes them
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SAME_THREAD)
abstract class GuestMemoryFixture {
    static final String NAME = "guest-memory-test";

    final Arena arena = Arena.ofConfined();
    final MemorySegment buffer = arena.allocate(0x10000, 8);
    final GuestMemory memory = new GuestMemory(64, 8L << 40);

    @AfterEach
    void shouldLeaveNothingOpenOrMapped() {
        memory.detach();
        arena.close();
        assertThat(ProcessMaps.of(NAME)).isZero();
        assertThat(ProcessMaps.descriptors(NAME)).isZero();
    }

    static Fd sealed(long size) {
        var file = MemoryFile.create(NAME, size);
        MemoryFile.seal(file, MemoryFile.SEAL_SHRINK);
        return file;
    }

    static void refused(int errno, Runnable call) {
        assertThatExceptionOfType(VfioException.class)
                .isThrownBy(call::run)
                .returns(errno, VfioException::errno);
    }

    final int read(long iova, long length) {
        var outcome = new Outcome();
        memory.read(iova, buffer.asSlice(0, length), outcome);
        return outcome.errno();
    }

    final int write(long iova, long length) {
        var outcome = new Outcome();
        memory.write(iova, buffer.asSlice(0, length), outcome);
        return outcome.errno();
    }
}
