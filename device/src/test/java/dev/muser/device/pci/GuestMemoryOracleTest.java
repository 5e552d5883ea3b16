package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.DmaAccess;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A random walk of a client and a device, against a list that is searched from end to end. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SAME_THREAD)
class GuestMemoryOracleTest {
    private static final String NAME = "guest-memory-oracle";
    private static final int SPACE = 0x8000;
    private static final int FILE_SIZE = 0x4000;
    private static final int LIMIT = 40;
    private static final List<DmaAccess> ACCESS = List.of(DmaAccess.values());

    /** A mapping; {@code file} is an index into the files, or -1 for memory asked for. */
    private record Known(int iova, int size, DmaAccess access, int file, int offset) {
        boolean overlaps(int start, int length) {
            return start < iova + size && iova < start + length;
        }
    }

    private final List<Known> known = new ArrayList<>();
    private final byte[][] contents = new byte[4][FILE_SIZE];
    private final FakePort port = new FakePort(2 * SPACE);

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {11, 12, 13, 14, 15, 16})
    void shouldBehaveAsAListOfMappings(long seed) {
        var random = new Random(seed);
        var memory = new GuestMemory(LIMIT, 0x2000);
        var files = new ArrayList<Fd>();
        try (var arena = Arena.ofConfined()) {
            var buffer = arena.allocate(SPACE, 8);
            memory.attach(port);
            for (int i = 0; i < contents.length; i++) {
                var file = MemoryFile.create(NAME, FILE_SIZE);
                if (i % 2 == 0) {
                    MemoryFile.seal(file, MemoryFile.SEAL_SHRINK);
                }
                files.add(file);
            }
            for (int step = 0; step < 20_000; step++) {
                switch (random.nextInt(8)) {
                    case 0, 1, 2 -> map(random, memory, files);
                    case 3 -> unmap(random, memory);
                    case 4, 5 -> read(random, memory, buffer, step);
                    case 6 -> write(random, memory, buffer, step);
                    default -> direct(random, memory, step);
                }
                if (random.nextInt(2000) == 0) {
                    memory.unmapAll();
                    known.clear();
                }
                assertThat(memory.mappings()).isEqualTo(known.size());
            }
        } finally {
            memory.detach();
            files.forEach(Fd::close);
        }
        assertThat(ProcessMaps.of(NAME)).isZero();
        assertThat(ProcessMaps.descriptors(NAME)).isZero();
    }

    private void map(Random random, GuestMemory memory, List<Fd> files) {
        Known wanted;
        if (!known.isEmpty() && random.nextInt(8) == 0) {
            wanted = known.get(random.nextInt(known.size()));
        } else {
            wanted =
                    new Known(
                            random.nextInt(SPACE),
                            random.nextInt(0x2100),
                            ACCESS.get(random.nextInt(ACCESS.size())),
                            random.nextInt(contents.length + 1) - 1,
                            random.nextInt(FILE_SIZE));
        }
        int expected = expectedOfMap(wanted);
        var fd = wanted.file < 0 ? null : files.get(wanted.file).duplicate();
        int errno = 0;
        try {
            memory.map(wanted.iova, wanted.size, wanted.access, fd, wanted.offset);
        } catch (VfioException e) {
            errno = e.errno();
        }
        assertThat(errno).as(wanted.toString()).isEqualTo(expected);
        if (errno == 0 && !known.contains(wanted)) {
            known.add(wanted);
        }
        assertThat(fd == null || !fd.isOpen()).isTrue();
    }

    private int expectedOfMap(Known wanted) {
        if (wanted.size == 0) {
            return Errno.EINVAL;
        }
        if (wanted.size > 0x2000) {
            return Errno.ENOSPC;
        }
        if (known.contains(wanted)) {
            return 0;
        }
        for (var other : known) {
            if (other.overlaps(wanted.iova, wanted.size)) {
                return Errno.EEXIST;
            }
        }
        if (known.size() == LIMIT) {
            return Errno.EINVAL;
        }
        boolean tooShort = wanted.file >= 0 && wanted.offset + wanted.size > FILE_SIZE;
        return tooShort ? Errno.EINVAL : 0;
    }

    private void unmap(Random random, GuestMemory memory) {
        if (known.isEmpty()) {
            return;
        }
        var chosen = known.get(random.nextInt(known.size()));
        int size = chosen.size + (random.nextInt(4) == 0 ? random.nextInt(SPACE / 4) : 0);
        int end = chosen.iova + size;
        boolean cuts = known.stream().anyMatch(m -> m.iova < end && end < m.iova + m.size);
        int errno = 0;
        try {
            memory.unmap(chosen.iova, size);
        } catch (VfioException e) {
            errno = e.errno();
        }
        assertThat(errno).isEqualTo(cuts ? Errno.ENOENT : 0);
        if (errno == 0) {
            known.removeIf(m -> m.iova >= chosen.iova && m.iova < end);
        }
    }

    private void read(Random random, GuestMemory memory, MemorySegment buffer, int step) {
        int iova = random.nextInt(SPACE);
        int length = random.nextInt(random.nextInt(3) == 0 ? 0x2000 : 64);
        buffer.fill((byte) 0x5a);
        var outcome = new Outcome();
        memory.read(iova, buffer.asSlice(0, length), outcome);
        port.answer();
        int expected = expectedOfAccess(iova, length, DmaAccess.READ);
        assertThat(outcome.errno()).as("step %d", step).isEqualTo(expected);
        for (int i = 0; expected == 0 && i < length; i++) {
            var mapping = mappingOf(iova + i);
            byte b = mapping == null ? 0 : bytesOf(mapping)[positionIn(mapping, iova + i)];
            if (buffer.get(ValueLayout.JAVA_BYTE, i) != b) {
                throw new AssertionError("step %d: byte %d differs".formatted(step, i));
            }
        }
    }

    private void write(Random random, GuestMemory memory, MemorySegment buffer, int step) {
        int iova = random.nextInt(SPACE);
        int length = random.nextInt(random.nextInt(3) == 0 ? 0x2000 : 64);
        var data = new byte[length];
        random.nextBytes(data);
        MemorySegment.copy(data, 0, buffer, ValueLayout.JAVA_BYTE, 0, length);
        var outcome = new Outcome();
        memory.write(iova, buffer.asSlice(0, length), outcome);
        port.answer();
        int expected = expectedOfAccess(iova, length, DmaAccess.WRITE);
        assertThat(outcome.errno()).as("step %d", step).isEqualTo(expected);
        for (int i = 0; expected == 0 && i < length; i++) {
            var mapping = mappingOf(iova + i);
            // the port's memory is the port's own array
            if (mapping != null && mapping.file >= 0) {
                contents[mapping.file][positionIn(mapping, iova + i)] = data[i];
            }
        }
    }

    private void direct(Random random, GuestMemory memory, int step) {
        int iova = random.nextInt(SPACE);
        int length = 1 + random.nextInt(64);
        var wanted = ACCESS.get(random.nextInt(ACCESS.size()));
        var segment = memory.direct(iova, length, wanted);
        var mapping = mappingOf(iova);
        boolean possible =
                mapping != null
                        && mapping.file >= 0
                        && mapping.file % 2 == 0
                        && iova + length <= mapping.iova + mapping.size
                        && mapping.access.allows(wanted);
        assertThat(segment != null).as("step %d", step).isEqualTo(possible);
        if (segment != null && mapping != null) {
            var expected = MemorySegment.ofArray(bytesOf(mapping));
            assertThat(segment.mismatch(expected.asSlice(positionIn(mapping, iova), length)))
                    .isEqualTo(-1);
            assertThat(segment.isReadOnly()).isEqualTo(!wanted.writable());
        }
    }

    private int expectedOfAccess(int iova, int length, DmaAccess wanted) {
        for (int at = iova; at < iova + length; ) {
            var mapping = mappingOf(at);
            if (mapping == null) {
                return Errno.EFAULT;
            }
            if (!mapping.access.allows(wanted)) {
                return Errno.EACCES;
            }
            at = mapping.iova + mapping.size;
        }
        return 0;
    }

    private @Nullable Known mappingOf(int address) {
        for (var mapping : known) {
            if (mapping.overlaps(address, 1)) {
                return mapping;
            }
        }
        return null;
    }

    private byte[] bytesOf(Known mapping) {
        return mapping.file < 0 ? port.memory : contents[mapping.file];
    }

    private static int positionIn(Known mapping, int address) {
        return mapping.file < 0 ? address : mapping.offset + address - mapping.iova;
    }
}
