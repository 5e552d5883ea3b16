package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.DmaPort;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * What tests of DMA by message share: transfers that the device starts, and the client's answers.
 */
abstract class DmaMessagesFixture extends ServerTest {
    static final String TWIN = "{\"capabilities\":{\"twin_socket\":{\"supported\":true}}}";

    /** What each transfer has ended with, in the order of their ends. */
    final LinkedBlockingQueue<Integer> results = new LinkedBlockingQueue<>();

    DmaPort port() {
        return Objects.requireNonNull(device.port);
    }

    /** Has the next write to the device start what {@code transfer} does. */
    void whenWritten(Runnable transfer) {
        device.when(
                "writeRegion",
                () -> {
                    device.behaveAgain();
                    transfer.run();
                });
    }

    static byte[] kick() {
        return RawClient.regionWrite(0, 0, (byte) 1);
    }

    static MemorySegment memory(int size) {
        var memory = Arena.ofAuto().allocate(size);
        for (int i = 0; i < size; i++) {
            memory.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 31 + (i >> 8)));
        }
        return memory;
    }

    static Message expect(RawClient client, int command, long address, long count) {
        var request = client.receive();
        assertThat(request.command()).isEqualTo(command);
        assertThat(request.flags()).as("a command that wants a reply").isZero();
        assertThat(request.u64(0)).isEqualTo(address);
        assertThat(request.u64(8)).isEqualTo(count);
        assertThat(request.payload())
                .hasSize(command == RawClient.DMA_READ ? 16 : (int) (16 + count));
        return request;
    }

    static void answer(RawClient client, Message request, byte[] payload) {
        client.send(RawClient.message(request.id(), request.command(), Message.REPLY, payload));
    }

    static void fail(RawClient client, Message request, int errno) {
        client.send(
                Bytes.of()
                        .u16(request.id())
                        .u16(request.command())
                        .u32(16)
                        .u32(Message.ERROR_REPLY)
                        .u32(errno)
                        .get());
    }

    static byte[] head(Message request) {
        return Arrays.copyOf(request.payload(), 16);
    }
}
