package dev.muser.testkit.devices;

import static dev.muser.testkit.devices.SampleClient.DMA_MAP;
import static dev.muser.testkit.devices.SampleClient.DMA_READ;
import static dev.muser.testkit.devices.SampleClient.DMA_UNMAP;
import static dev.muser.testkit.devices.SampleClient.DMA_WRITE;
import static dev.muser.testkit.devices.SampleClient.FEATURE;
import static dev.muser.testkit.devices.SampleClient.GET_INFO;
import static dev.muser.testkit.devices.SampleClient.GET_IRQ_INFO;
import static dev.muser.testkit.devices.SampleClient.GET_REGION_INFO;
import static dev.muser.testkit.devices.SampleClient.MIG_DATA_READ;
import static dev.muser.testkit.devices.SampleClient.MIG_DATA_WRITE;
import static dev.muser.testkit.devices.SampleClient.REGION_READ;
import static dev.muser.testkit.devices.SampleClient.REGION_WRITE;
import static dev.muser.testkit.devices.SampleClient.RESET;
import static dev.muser.testkit.devices.SampleClient.SET_IRQS;
import static dev.muser.testkit.devices.SampleClient.VERSION;
import static dev.muser.testkit.devices.SampleClient.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.devices.timer.TimerDevice;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.Poll;
import dev.muser.testkit.ServedDevice;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * What libvfio-user's sample client does to its sample server, message by message: it looks around,
 * has the timer expire, moves it to a second server and has it expire there.
 */
@Timeout(120)
@SuppressWarnings("ByteBufferBackingArray") // all are made by bytes()
class TimerProgramTest {
    private static final int PAGE = 4096;
    private static final int BAR1_SIZE = 0x3000;

    /** What the client takes at once, when it is asked. */
    private static final int CHUNK = 1024;

    private static final int GET = 1 << 16;
    private static final int SET = 1 << 17;
    private static final int STOP = 1;
    private static final int RUNNING = 2;
    private static final int STOP_COPY = 3;
    private static final int RESUMING = 4;
    private static final int PRE_COPY = 6;

    @TempDir Path folder;

    private final Random random = new Random(1);

    @Test
    void shouldServeTheSampleClient() throws IOException {
        try (var first = ServedDevice.start(TimerDevice::new);
                var second = ServedDevice.start(TimerDevice::new);
                var memory = memory()) {
            List<byte[]> stream;
            byte[] bar1;
            int half;
            try (var client = SampleClient.connect(first.socket())) {
                half = negotiate(client);
                expectWhatItIs(client);
                client.ask(RESET, bytes(0));
                map(client, memory, 0, 2 * half);
                var eventFd = configureInterrupts(client);
                logging(client, 6);
                expire(client, eventFd, Instant.now().getEpochSecond() + 1);
                serveDma(client, memory, 0);
                expectLetters(memory, 1);
                for (int i = 0; i < 2 * half; i++) {
                    assertThat(dirty(client, i)).as("page %d", i).isEqualTo(i == 1 ? 1 : 0);
                }
                logging(client, 7);
                for (int i = 0; i < half; i++) {
                    client.ask(DMA_UNMAP, unmap(0, (long) i * PAGE, PAGE));
                }
                clear(memory);
                writeTime(client, Instant.now().getEpochSecond() + 2);
                bar1 = new byte[BAR1_SIZE];
                stream = leave(client, bar1);
                eventFd.close();
            }
            try (var client = SampleClient.connect(second.socket())) {
                assertThat(negotiate(client)).isEqualTo(half);
                arrive(client, stream, bar1);
                map(client, memory, half, 2 * half);
                var eventFd = configureInterrupts(client);
                await(eventFd);
                serveDma(client, memory, half);
                expectLetters(memory, half + 1);
                client.ask(DMA_UNMAP, unmap(2, 0, 0));
                eventFd.close();
            }
        }
    }

    /** A file on a disk, which is not sealed. */
    private Fd memory() throws IOException {
        var path = folder.resolve("memory");
        var file = MemoryFile.open(path, 64 * PAGE);
        Files.delete(path);
        return file;
    }

    private static void clear(Fd memory) {
        MemoryFile.resize(memory, 0);
        MemoryFile.resize(memory, 64 * PAGE);
    }

    /** Returns how many descriptors the server takes at once. */
    private static int negotiate(SampleClient client) {
        var json = "{\"capabilities\":{\"max_msg_fds\":32,\"max_data_xfer_size\":1024}}\0";
        var request = bytes(4 + json.length()).putShort((short) 0).putShort((short) 2);
        request.put(json.getBytes(StandardCharsets.US_ASCII));
        var reply = client.askForFds(VERSION, request);
        assertThat(reply.fds()).isEmpty();
        assertThat(reply.payload().getShort(0)).isZero();
        assertThat(reply.payload().getShort(2)).isBetween((short) 0, (short) 2);
        var text = new String(reply.payload().array(), StandardCharsets.US_ASCII).substring(4);
        assertThat(text).endsWith("}\0").doesNotContain("twin_socket");
        var found = Pattern.compile("\"max_msg_fds\":([0-9]+)").matcher(text);
        assertThat(found.find()).isTrue();
        return Integer.parseInt(found.group(1));
    }

    private static void expectWhatItIs(SampleClient client) {
        client.expectError(Errno.EINVAL, REGION_READ, access(0, 0xdeadbeef, 4));
        var info = client.ask(GET_INFO, bytes(16).putInt(16));
        assertThat(info.getInt(4)).as("reset, PCI").isEqualTo(3);
        assertThat(info.getInt(8)).as("regions").isEqualTo(9);
        for (int region = 0; region < 9; region++) {
            var reply = client.askForFds(GET_REGION_INFO, regionInfo(32, region));
            assertThat(reply.fds()).isEmpty();
            int size = reply.payload().getInt(0);
            assertThat(size).isEqualTo(region == 1 ? 80 : 32);
            if (size > 32) {
                expectMappable(client.askForFds(GET_REGION_INFO, regionInfo(size, region)));
            }
        }
        var config = client.ask(REGION_READ, access(0, 7, 64));
        assertThat(config.getInt(16)).isEqualTo(0xbeef_dead);
        assertThat(config.getInt(16 + 0x2c)).isEqualTo(0xbabe_cafe);
    }

    private static ByteBuffer regionInfo(int argsz, int region) {
        return bytes(argsz).putInt(argsz).putInt(0).putInt(region);
    }

    private static void expectMappable(SampleClient.Message reply) {
        var info = reply.payload();
        assertThat(info.capacity()).isEqualTo(80);
        assertThat(info.getInt(0)).isEqualTo(80);
        assertThat(info.getInt(4)).as("readable, writable, mappable, capabilities").isEqualTo(15);
        assertThat(info.getInt(12)).as("where they are").isEqualTo(32);
        assertThat(info.getLong(16)).isEqualTo(BAR1_SIZE);
        assertThat(info.getShort(32)).as("SPARSE_MMAP").isEqualTo((short) 1);
        assertThat(info.getInt(36)).as("the last").isZero();
        assertThat(info.getInt(40)).as("areas").isEqualTo(2);
        assertThat(new long[] {info.getLong(48), info.getLong(56), info.getLong(64)})
                .containsExactly(0, 0x1000, 0x2000);
        assertThat(info.getLong(72)).isEqualTo(0x1000);
        assertThat(reply.fds()).hasSize(1);
        for (int area = 48; area < 80; area += 16) {
            long offset = info.getLong(24) + info.getLong(area);
            try (var mapping =
                    Mapping.confined(
                            reply.fds().getFirst(),
                            offset,
                            info.getLong(area + 8),
                            Mapping.Access.READ_WRITE)) {
                assertThat(mapping.segment().get(ValueLayout.JAVA_LONG, 0)).isZero();
            }
        }
    }

    private static ByteBuffer access(long offset, int region, int count) {
        return bytes(16).putLong(offset).putInt(region).putInt(count);
    }

    private static void write(SampleClient client, int region, byte[] data) {
        var request = bytes(16 + data.length);
        request.putLong(0).putInt(region).putInt(data.length).put(data);
        var reply = client.ask(REGION_WRITE, request);
        assertThat(reply.capacity()).isEqualTo(16);
        assertThat(reply.getInt(12)).isEqualTo(data.length);
    }

    private static void writeTime(SampleClient client, long time) {
        write(client, 0, bytes(8).putLong(time).array());
    }

    private static void map(SampleClient client, Fd memory, int from, int to) {
        for (int i = from; i < to; i++) {
            var request = bytes(32).putInt(32).putInt(3);
            request.putLong((long) i * PAGE).putLong((long) i * PAGE).putLong(PAGE);
            client.ask(DMA_MAP, request, memory);
        }
    }

    private static ByteBuffer unmap(int flags, long address, long size) {
        return bytes(24).putInt(24).putInt(flags).putLong(address).putLong(size);
    }

    private static Fd configureInterrupts(SampleClient client) {
        int[] counts = {1, 0, 0, 1, 1};
        for (int index = 0; index < counts.length; index++) {
            var info = client.ask(GET_IRQ_INFO, bytes(16).putInt(16).putInt(0).putInt(index));
            assertThat(info.getInt(12)).as("interrupts of %d", index).isEqualTo(counts[index]);
        }
        var eventFd = EventFd.create();
        client.ask(
                SET_IRQS, bytes(20).putInt(20).putInt(0x24).putInt(0).putInt(0).putInt(1), eventFd);
        return eventFd;
    }

    /** Starts with 6, stops with 7; the data are the same. */
    private static void logging(SampleClient client, int feature) {
        var request = bytes(24).putInt(24).putInt(SET | feature).putLong(PAGE);
        assertThat(client.ask(FEATURE, request).array()).isEqualTo(request.array());
    }

    private static int dirty(SampleClient client, int page) {
        var request = bytes(32).putInt(40).putInt(GET | 8);
        request.putLong((long) page * PAGE).putLong(PAGE).putLong(PAGE);
        var reply = client.ask(FEATURE, request);
        assertThat(reply.capacity()).isEqualTo(40);
        return (int) reply.getLong(32);
    }

    private static void expire(SampleClient client, Fd eventFd, long time) {
        writeTime(client, time);
        var elapsed = client.ask(REGION_READ, access(0, 0, 8));
        assertThat(elapsed.getLong(16)).isGreaterThanOrEqualTo(-1);
        await(eventFd);
        assertThat(Instant.now().getEpochSecond()).isGreaterThanOrEqualTo(time);
    }

    private static void await(Fd eventFd) {
        assertThat(Poll.await(eventFd, Poll.IN, Duration.ofSeconds(30))).isTrue();
        assertThat(EventFd.take(eventFd)).isEqualTo(1);
    }

    /** The server writes a page in four messages, and reads it in four, and asks no more. */
    private static void serveDma(SampleClient client, Fd memory, int page) {
        var buffer = Arena.ofAuto().allocate(CHUNK);
        for (int i = 0; i < 8; i++) {
            var message = client.receive();
            boolean read = i >= 4;
            int part = i % 4;
            long address = (long) page * PAGE + (long) part * CHUNK;
            assertThat(message.command()).isEqualTo(read ? DMA_READ : DMA_WRITE);
            assertThat(message.flags()).isZero();
            var payload = message.payload();
            assertThat(payload.getLong(0)).isEqualTo(address);
            assertThat(payload.getLong(8)).isEqualTo(CHUNK);
            assertThat(payload.capacity()).isEqualTo(read ? 16 : 16 + CHUNK);
            var reply = bytes(read ? 16 + CHUNK : 16).putLong(address).putLong(CHUNK);
            if (read) {
                assertThat(memory.readAt(address, buffer, 0, CHUNK)).isEqualTo(CHUNK);
                reply.put(buffer.asByteBuffer());
            } else {
                buffer.asByteBuffer().put(payload.array(), 16, CHUNK);
                assertThat(memory.writeAt(address, buffer, 0, CHUNK)).isEqualTo(CHUNK);
            }
            client.reply(message, reply);
        }
        expectLetters(memory, page);
        client.ask(REGION_READ, access(0, 0, 8)); // whose reply is the next message
    }

    private static void expectLetters(Fd memory, int page) {
        var buffer = Arena.ofAuto().allocate(PAGE);
        assertThat(memory.readAt((long) page * PAGE, buffer, 0, PAGE)).isEqualTo(PAGE);
        for (int i = 0; i < PAGE; i++) {
            assertThat(buffer.get(ValueLayout.JAVA_BYTE, i)).isEqualTo((byte) ('A' + i / CHUNK));
        }
    }

    private static void moveTo(SampleClient client, int state) {
        var request = bytes(16).putInt(16).putInt(SET | 2).putInt(state).putInt(-1);
        assertThat(client.ask(FEATURE, request).array()).isEqualTo(request.array());
    }

    /** Returns so much of the stream, all of which must be there, in chunks. */
    private static List<byte[]> read(SampleClient client, int size) {
        var chunks = new ArrayList<byte[]>();
        for (int at = 0; at < size; at += CHUNK) {
            var reply = client.ask(MIG_DATA_READ, bytes(8).putInt(8 + CHUNK).putInt(CHUNK));
            assertThat(reply.capacity()).as("padded").isEqualTo(8 + CHUNK);
            int n = reply.getInt(4);
            assertThat(n).isEqualTo(Math.min(CHUNK, size - at));
            assertThat(Arrays.copyOfRange(reply.array(), 8 + n, 8 + CHUNK))
                    .isEqualTo(new byte[CHUNK - n]);
            chunks.add(Arrays.copyOfRange(reply.array(), 8, 8 + n));
        }
        return chunks;
    }

    /** What a guest does meanwhile. */
    private void scribble(SampleClient client, byte[] bar1) {
        random.nextBytes(bar1);
        write(client, 1, bar1);
    }

    private List<byte[]> leave(SampleClient client, byte[] bar1) {
        scribble(client, bar1);
        moveTo(client, PRE_COPY);
        scribble(client, bar1);
        read(client, BAR1_SIZE);
        scribble(client, bar1);
        moveTo(client, STOP_COPY);
        var stream = read(client, BAR1_SIZE + 8);
        moveTo(client, STOP);
        return stream;
    }

    private static void arrive(SampleClient client, List<byte[]> stream, byte[] bar1) {
        moveTo(client, RESUMING);
        for (var chunk : stream) {
            var request = bytes(8 + chunk.length).putInt(8 + chunk.length).putInt(chunk.length);
            client.ask(MIG_DATA_WRITE, request.put(chunk));
        }
        moveTo(client, STOP);
        var there = client.ask(REGION_READ, access(0, 1, BAR1_SIZE));
        assertThat(Arrays.copyOfRange(there.array(), 16, 16 + BAR1_SIZE)).isEqualTo(bar1);
        moveTo(client, RUNNING);
    }
}
