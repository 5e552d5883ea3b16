package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.DmaAccess;
import dev.muser.device.DmaCompletion;
import dev.muser.linux.Errno;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A client takes its memory away: every access must fail with EFAULT, and nothing else happen. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SAME_THREAD)
class TruncatedMemoryTest {
    private static final int HOT = 200_000;

    private final int[] results = new int[2];
    private final DmaCompletion completion =
            errno -> {
                if (errno == 0) {
                    results[0]++;
                } else if (errno == Errno.EFAULT) {
                    results[1]++;
                } else {
                    throw new AssertionError("errno " + errno);
                }
            };

    @ParameterizedTest(name = "{0} bytes, read {1}")
    @CsvSource({
        "1,true",
        "8,true",
        "64,true",
        "4096,true",
        "65536,true",
        "1,false",
        "8,false",
        "64,false",
        "4096,false",
        "65536,false"
    })
    void shouldReportTruncationInCompiledCode(int length, boolean read) {
        var memory = new GuestMemory(16, 1L << 30);
        try (var arena = Arena.ofConfined();
                var file = MemoryFile.create("truncated", 0x20000)) {
            var buffer = arena.allocate(length, 8);
            memory.map(0, 0x20000, DmaAccess.READ_WRITE, file.duplicate(), 0);
            int rounds = length > 4096 ? HOT / 20 : HOT;
            transfer(memory, buffer, read, rounds);
            assertThat(results).containsExactly(rounds, 0);
            MemoryFile.resize(file, 0);
            transfer(memory, buffer, read, 1000);
            assertThat(results).containsExactly(rounds, 1000);
            // the region stays dead, also when the client gives the memory back
            MemoryFile.resize(file, 0x20000);
            transfer(memory, buffer, read, 10);
            assertThat(results).containsExactly(rounds, 1010);
            // until it maps it again
            memory.unmap(0, 0x20000);
            memory.map(0, 0x20000, DmaAccess.READ_WRITE, file.duplicate(), 0);
            transfer(memory, buffer, read, 10);
            assertThat(results).containsExactly(rounds + 10, 1010);
        } finally {
            memory.detach();
        }
    }

    private void transfer(GuestMemory memory, MemorySegment buffer, boolean read, int rounds) {
        for (int i = 0; i < rounds; i++) {
            if (read) {
                memory.read(i & 0x7fff, buffer, completion);
            } else {
                memory.write(i & 0x7fff, buffer, completion);
            }
        }
    }

    @Test
    void shouldReportEveryFaultOfFreshRegions() {
        var memory = new GuestMemory(16, 1L << 30);
        try (var arena = Arena.ofConfined();
                var file = MemoryFile.create("truncated", 0x2000)) {
            var buffer = arena.allocate(64, 8);
            memory.map(0, 0x1000, DmaAccess.READ_WRITE, file.duplicate(), 0);
            for (int i = 0; i < HOT; i++) {
                memory.read(i & 0xf00, buffer, completion);
            }
            for (int i = 0; i < 500; i++) {
                // each time a region that is not known to be dead, in code that is compiled by now
                memory.map(0x1000, 0x1000, DmaAccess.READ_WRITE, file.duplicate(), 0x1000);
                MemoryFile.resize(file, 0x1000);
                memory.read(0x1800, buffer, completion);
                memory.unmap(0x1000, 0x1000);
                MemoryFile.resize(file, 0x2000);
            }
            assertThat(results).containsExactly(HOT, 500);
            // the part that was not taken away still works
            memory.read(0x800, buffer, completion);
            assertThat(results).containsExactly(HOT + 1, 500);
        } finally {
            memory.detach();
        }
    }

    @Test
    void shouldReportTruncationWithinAScatterList() {
        var memory = new GuestMemory(16, 1L << 30);
        try (var arena = Arena.ofConfined();
                var good = MemoryFile.create("truncated", 0x1000);
                var bad = MemoryFile.create("truncated", 0x1000)) {
            memory.map(0, 0x1000, DmaAccess.READ_WRITE, good.duplicate(), 0);
            memory.map(0x1000, 0x1000, DmaAccess.READ_WRITE, bad.duplicate(), 0);
            var list = memory.scatterList();
            list.add(0xff0, 0x20);
            var buffer = arena.allocate(0x20, 8);
            for (int i = 0; i < HOT / 10; i++) {
                list.copyTo(buffer, completion);
            }
            MemoryFile.resize(bad, 0);
            list.copyTo(buffer, completion);
            list.copyTo(buffer, completion);
            memory.read(0xff0, buffer, completion);
            assertThat(results).containsExactly(HOT / 10, 3);
            memory.read(0, buffer, completion);
            assertThat(results).containsExactly(HOT / 10 + 1, 3);
            assertThat(buffer.get(ValueLayout.JAVA_BYTE, 0)).isZero();
        } finally {
            memory.detach();
        }
    }
}
