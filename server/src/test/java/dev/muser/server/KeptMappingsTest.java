package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.DmaAccess;
import dev.muser.device.state.StateSegment;
import dev.muser.linux.FileStatus;
import dev.muser.service.LocalStore;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class KeptMappingsTest {
    private static final int MOST = 65535;
    private static final long PAGE = 4096;

    private final KeptDescriptors descriptors = new KeptDescriptors(new LocalStore());

    @Test
    void shouldTakeMemoryOnlyForMappingsThatThereAre() {
        try (var segment = StateSegment.create("test")) {
            var mappings = new KeptMappings(segment, descriptors, MOST);
            segment.ready();
            var empty = FileStatus.of(segment.fd());
            for (int client = 0; client < 3; client++) {
                for (int i = 0; i < MOST; i++) {
                    mappings.add(i * PAGE, PAGE, DmaAccess.READ_WRITE, null, 0);
                    segment.commit();
                }
                assertThat(FileStatus.of(segment.fd()).allocated()).isGreaterThan(MOST * 64L);
                mappings.clear();
                segment.commit();
                mappings.discard();
                segment.commit();
                var after = FileStatus.of(segment.fd());
                assertThat(after.size()).isEqualTo(empty.size());
                assertThat(after.allocated()).isEqualTo(empty.allocated());
            }
        }
    }

    @Test
    void shouldLookOnlyAtMappingsThatThereWere() {
        try (var segment = StateSegment.create("test")) {
            var mappings = new KeptMappings(segment, descriptors, MOST);
            mappings.add(0, PAGE, DmaAccess.READ_WRITE, null, 0);
            mappings.add(PAGE, PAGE, DmaAccess.READ, null, 0);
            mappings.remove(0, PAGE);
            segment.ready();
            long before = FileStatus.of(segment.fd()).allocated();
            var device = new FakeDevice();
            var left = StateSegment.open(segment.fd().duplicate(), "test");
            try (var next = Objects.requireNonNull(left)) {
                new KeptMappings(next, descriptors, MOST).restore(device);
            }
            assertThat(device.calls).containsExactly("map 0x1000 0x1000 READ - 0x0");
            assertThat(FileStatus.of(segment.fd()).allocated()).isEqualTo(before);
        }
    }
}
