package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class SetIrqsTest extends ServerTest {
    private static final int NONE = 1;
    private static final int BOOL = 2;
    private static final int EVENTFD = 4;
    private static final int MASK = 8;
    private static final int UNMASK = 0x10;
    private static final int TRIGGER = 0x20;

    private static byte[] request(long flags, long index, long start, long count, int... selected) {
        var bytes =
                Bytes.of().u32(20 + selected.length).u32(flags).u32(index).u32(start).u32(count);
        for (int value : selected) {
            bytes.u8(value);
        }
        return bytes.get();
    }

    private Fd[] eventFds(int count) {
        return Stream.generate(() -> closing(EventFd.create())).limit(count).toArray(Fd[]::new);
    }

    private Message set(byte[] request, Fd... fds) {
        return negotiated().ask(RawClient.SET_IRQS, request, fds);
    }

    @Test
    void shouldInstallAnEventFdForEachVector() {
        var fds = eventFds(3);
        set(request(EVENTFD | TRIGGER, 2, 5, 3), fds).succeeded(0);
        assertThat(device.calls).containsExactly("attach", "eventfds 2 TRIGGER 5 3");
        EventFd.signal(device.eventFds.get(1));
        assertThat(EventFd.take(fds[0])).isEqualTo(-Errno.EAGAIN);
        assertThat(EventFd.take(fds[1])).as("in the order in which they were sent").isEqualTo(1);
    }

    @Test
    void shouldTakeAsManyEventFdsAsLinuxPasses() {
        set(request(EVENTFD | TRIGGER, 2, 0, 253), eventFds(253)).succeeded(0);
        assertThat(device.calls).endsWith("eventfds 2 TRIGGER 0 253");
    }

    @Test
    void shouldRemoveEventFdsWhenQemuSendsACountAndNoDescriptors() {
        set(request(EVENTFD | TRIGGER, 2, 1, 4)).succeeded(0);
        assertThat(device.calls).endsWith("clear 2 TRIGGER 1 4");
    }

    @Test
    void shouldInstallAndRemoveTheResampleEventFd() {
        var client = negotiated();
        client.ask(RawClient.SET_IRQS, request(EVENTFD | UNMASK, 0, 0, 1), eventFds(1))
                .succeeded(0);
        client.ask(RawClient.SET_IRQS, request(EVENTFD | UNMASK, 0, 0, 1)).succeeded(0);
        assertThat(device.calls)
                .containsExactly("attach", "eventfds 0 UNMASK 0 1", "clear 0 UNMASK 0 1");
    }

    @Test
    void shouldDisableAWholeIndex() {
        set(request(NONE | TRIGGER, 2, 0, 0)).succeeded(0);
        assertThat(device.calls).endsWith("disable 2");
    }

    @ParameterizedTest
    @CsvSource({"8, MASK", "16, UNMASK", "32, TRIGGER"})
    void shouldActOnARangeOfVectors(int action, String name) {
        set(request(NONE | action, 1, 1, 3)).succeeded(0);
        assertThat(device.calls).endsWith("irqs 1 " + name + " 1 3");
    }

    @Test
    void shouldActOnSelectedVectors() {
        set(request(BOOL | TRIGGER, 1, 0, 3, 1, 0, 1)).succeeded(0);
        assertThat(device.calls).endsWith("irqs 1 TRIGGER 0 [true, false, true]");
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 4})
    void shouldTakeTheErrorAndRequestEvents(int index) {
        set(request(EVENTFD | TRIGGER, index, 0, 1), eventFds(1)).succeeded(0);
        assertThat(device.calls).endsWith("eventfds " + index + " TRIGGER 0 1");
    }

    @ParameterizedTest
    @CsvSource({
        // flags, index, start, count
        "0, 0, 0, 1", // no data type, no action
        "1, 0, 0, 1", // no action
        "32, 0, 0, 1", // no data type
        "35, 0, 0, 1", // two data types
        "49, 0, 0, 1", // two actions
        "97, 0, 0, 1", // an unknown bit
        "33, 5, 0, 1", // no such index
        "33, 4294967295, 0, 1",
        "33, 1, 4, 1", // start is the number of vectors
        "33, 1, 4, 0",
        "33, 1, 3, 2", // one beyond
        "33, 1, 1, 4294967295", // the sum wraps in 32 bits
        "33, 1, 4294967295, 1",
        "33, 1, 1, 0", // count 0 with a start
        "9, 1, 0, 0", // count 0 with another action
        "17, 1, 0, 0",
        "36, 1, 0, 0", // count 0 with another data type
        "9, 3, 0, 1", // ERR cannot be masked
        "17, 4, 0, 1",
        "33, 3, 0, 2",
        "34, 1, 0, 1", // BOOL without its byte
    })
    void shouldRefuseWhatIsOutOfBounds(long flags, long index, long start, long count) {
        set(request(flags, index, start, count)).failed(Errno.EINVAL);
        assertThat(device.calls).containsExactly("attach");
    }

    @Test
    void shouldRefuseBytesThatAreNotOnePerVector() {
        var client = negotiated();
        client.ask(RawClient.SET_IRQS, request(BOOL | TRIGGER, 1, 0, 3, 1, 1)).failed(Errno.EINVAL);
        client.ask(RawClient.SET_IRQS, request(BOOL | TRIGGER, 1, 0, 3, 1, 1, 1, 1))
                .failed(Errno.EINVAL);
        client.ask(RawClient.SET_IRQS, request(BOOL | TRIGGER, 1, 0, 3, 1, 1, 1)).succeeded(0);
    }

    @ParameterizedTest
    @CsvSource({"1", "3"})
    void shouldRefuseAnotherNumberOfDescriptors(int descriptors) {
        set(request(EVENTFD | TRIGGER, 1, 0, 2), eventFds(descriptors)).failed(Errno.EINVAL);
    }

    @Test
    void shouldRefuseDescriptorsWithoutTheirDataType() {
        set(request(NONE | TRIGGER, 1, 0, 1), eventFds(1)).failed(Errno.EINVAL);
        assertThat(device.calls).containsExactly("attach");
    }

    @ParameterizedTest
    @CsvSource({"19, 22", "20, 0", "21, 0"})
    void shouldWantAnArgszOfAtLeastItsStructure(int argsz, int errno) {
        byte[] request = request(NONE | TRIGGER, 0, 0, 1);
        Bytes.view(request).putInt(0, argsz);
        assertThat(set(request).errno()).isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({"0", "19"})
    void shouldRefuseARequestThatIsCutShort(int length) {
        set(Arrays.copyOf(request(NONE | TRIGGER, 0, 0, 1), length)).failed(Errno.EINVAL);
    }

    @Test
    void shouldPassTheDevicesErrnoOn() {
        device.failOn("setIrqs", new VfioException(Errno.EINVAL, "cannot be masked"));
        set(request(NONE | MASK, 1, 0, 1)).failed(Errno.EINVAL);
    }
}
