package dev.muser.testkit.devices;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.devices.edu.Edu;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.testkit.ServedDevice;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a device writes to the memory of a client, as the client hears of it over its socket. */
class EduDirtyPagesTest {
    private static final long MEMORY = 0x100000;
    private static final int SIZE = 66 * 4096; // two words of bits

    private static final int BUFFER = 0x40000;
    private static final int RUN_TO_MEMORY = 3;

    private static final int GET = 1 << 16;
    private static final int SET = 1 << 17;
    private static final int START = SET | 6;
    private static final int STOP = SET | 7;
    private static final int REPORT = GET | 8;

    private static final int READ_WRITE = 3;
    private static final int WITH_BITMAP = 1;

    private final ServedDevice served = ServedDevice.start(Edu::new);
    private final Fd memory = MemoryFile.create("client", SIZE);

    @AfterEach
    void close() {
        served.close();
        memory.close();
    }

    private SampleClient connect() {
        return negotiated(served.socket());
    }

    private static SampleClient negotiated(Path socket) {
        var client = SampleClient.connect(socket);
        var version = SampleClient.bytes(4 + 19);
        version.putShort((short) 0).putShort((short) 1);
        version.put("{\"capabilities\":{}}".getBytes(StandardCharsets.US_ASCII));
        client.ask(SampleClient.VERSION, terminated(version));
        return client;
    }

    private static ByteBuffer terminated(ByteBuffer text) {
        return SampleClient.bytes(text.capacity() + 1).put(text.flip());
    }

    private void map(SampleClient client) {
        client.ask(
                SampleClient.DMA_MAP,
                SampleClient.bytes(32)
                        .putInt(32)
                        .putInt(READ_WRITE)
                        .putLong(0)
                        .putLong(MEMORY)
                        .putLong(SIZE),
                memory);
    }

    private static ByteBuffer start(long page) {
        return SampleClient.bytes(24).putInt(24).putInt(START).putLong(page).putInt(0).putInt(0);
    }

    private static ByteBuffer report(long iova, long length) {
        return SampleClient.bytes(32)
                .putInt(4096)
                .putInt(REPORT)
                .putLong(iova)
                .putLong(length)
                .putLong(4096);
    }

    private static ByteBuffer unmap() {
        return SampleClient.bytes(40)
                .putInt(40 + 16)
                .putInt(WITH_BITMAP)
                .putLong(MEMORY)
                .putLong(SIZE)
                .putLong(4096)
                .putLong(16);
    }

    private static void writeRegister(SampleClient client, long offset, long value) {
        client.ask(
                SampleClient.REGION_WRITE,
                SampleClient.bytes(24).putLong(offset).putInt(0).putInt(8).putLong(value));
    }

    /** Has the device write to memory of the client, and waits for its end. */
    private static void write(SampleClient client, long iova, int count) {
        writeRegister(client, 0x80, BUFFER);
        writeRegister(client, 0x88, iova);
        writeRegister(client, 0x90, count);
        writeRegister(client, 0x98, RUN_TO_MEMORY);
        var command = SampleClient.bytes(16).putLong(0x98).putInt(0).putInt(8);
        while ((client.ask(SampleClient.REGION_READ, command).getLong(16) & 1) != 0) {
            LockSupport.parkNanos(100_000);
        }
    }

    @Test
    void shouldReportWhatWasWrittenAndForgetIt() {
        try (var client = connect()) {
            map(client);
            write(client, MEMORY, 16); // before
            client.ask(SampleClient.FEATURE, start(4096));
            write(client, MEMORY + 0x3ff8, 16);
            write(client, MEMORY + 65 * 4096, 4096);
            var bits = client.ask(SampleClient.FEATURE, report(MEMORY, SIZE));
            assertThat(bits.getLong(32)).isEqualTo(0b11000);
            assertThat(bits.getLong(40)).isEqualTo(0b10);
            bits = client.ask(SampleClient.FEATURE, report(MEMORY, SIZE));
            assertThat(bits.getLong(32)).isZero();
            assertThat(bits.getLong(40)).isZero();
        }
    }

    /** Of clients that ask when they remove memory, and not by DMA_LOGGING_REPORT. */
    @Test
    void shouldReportWhatWasWrittenToMemoryThatIsRemoved() {
        try (var client = connect()) {
            map(client);
            client.ask(SampleClient.FEATURE, start(4096));
            write(client, MEMORY + 0x3ff8, 16);
            write(client, MEMORY + 65 * 4096, 4096);
            var reply = client.ask(SampleClient.DMA_UNMAP, unmap());
            assertThat(reply.capacity()).isEqualTo(40 + 16);
            assertThat(reply.getLong(40)).isEqualTo(0b11000);
            assertThat(reply.getLong(48)).isEqualTo(0b10);
            client.expectError(Errno.ENOENT, SampleClient.DMA_UNMAP, unmap());
            map(client);
            reply = client.ask(SampleClient.DMA_UNMAP, unmap());
            assertThat(reply.getLong(40)).as("what was reported").isZero();
            assertThat(reply.getLong(48)).isZero();
        }
    }

    /** libvfio-user's logs on, by the page size of the client that is gone. */
    @Test
    void shouldLogNothingOfOneClientForTheNext() {
        try (var first = connect()) {
            map(first);
            first.ask(SampleClient.FEATURE, start(4096));
            write(first, MEMORY, 16);
        }
        try (var next = connect()) {
            map(next);
            next.expectError(Errno.EINVAL, SampleClient.FEATURE, report(MEMORY, SIZE));
            next.expectError(Errno.EINVAL, SampleClient.DMA_UNMAP, unmap());
            write(next, MEMORY + 4096, 16);
            next.ask(SampleClient.FEATURE, start(2 << 20));
            var bits = next.ask(SampleClient.FEATURE, report(MEMORY, SIZE));
            assertThat(bits.getLong(32)).isZero();
            assertThat(bits.getLong(40)).isZero();
            next.ask(SampleClient.FEATURE, SampleClient.bytes(8).putInt(8).putInt(STOP));
            next.expectError(Errno.EINVAL, SampleClient.FEATURE, report(MEMORY, SIZE));
        }
    }
}
