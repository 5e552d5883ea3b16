package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import dev.muser.linux.FileStatus;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class RegionInfoTest extends ServerTest {
    private static byte[] request(long argsz, long index) {
        return Bytes.of().u32(argsz).u32(0).u32(index).zeros(20).get();
    }

    @ParameterizedTest
    @CsvSource({
        "0, 3, 4096",
        "1, 1, 4096",
        "3, 0, 0",
        "5, 0, 0",
        "6, 0, 0",
        "7, 3, 256",
        "8, 0, 0"
    })
    void shouldDescribeARegionThatCannotBeMapped(int index, int flags, long size) {
        var reply = negotiated().ask(RawClient.GET_REGION_INFO, request(32, index)).succeeded(32);
        assertThat(reply.payload())
                .isEqualTo(Bytes.of().u32(32).u32(flags).u32(index).u32(0).u64(size).u64(0).get());
    }

    @ParameterizedTest
    @ValueSource(longs = {80, 81, 4096})
    void shouldGiveTheAreasAndTheDescriptorToAClientWithRoomForThem(long argsz) {
        var reply = negotiated().ask(RawClient.GET_REGION_INFO, request(argsz, 2)).succeeded(80, 1);
        assertThat(reply.payload())
                .isEqualTo(
                        Bytes.of()
                                .u32(80)
                                .u32(0xf)
                                .u32(2)
                                .u32(32)
                                .u64(0x4000)
                                .u64(0x2000)
                                .u16(1)
                                .u16(1)
                                .u32(0)
                                .u32(2)
                                .u32(0)
                                .u64(0x1000)
                                .u64(0x1000)
                                .u64(0x3000)
                                .u64(0x1000)
                                .get());
        assertThat(FileStatus.of(reply.fds().getFirst()).size()).isEqualTo(0x6000);
    }

    @ParameterizedTest
    @ValueSource(ints = {32, 33, 48, 64, 79})
    void shouldCutTheReplyToTheClientsRoom(int argsz) {
        var reply =
                negotiated().ask(RawClient.GET_REGION_INFO, request(argsz, 2)).succeeded(argsz, 0);
        assertThat(reply.u32(0)).as("argsz of a full reply").isEqualTo(80);
        assertThat(reply.u32(4)).as("flags: MMAP stays, CAPS goes").isEqualTo(7);
        assertThat(reply.u32(12)).as("cap_offset").isZero();
        assertThat(reply.u64(16)).isEqualTo(0x4000);
        assertThat(reply.u64(24)).isEqualTo(0x2000);
    }

    @Test
    void shouldHaveOneAreaForARegionThatIsMappableAsAWhole() {
        var reply = negotiated().ask(RawClient.GET_REGION_INFO, request(64, 4)).succeeded(64, 1);
        assertThat(reply.u32(40)).isEqualTo(1);
        assertThat(reply.u64(48)).isZero();
        assertThat(reply.u64(56)).isEqualTo(0x1000);
    }

    @Test
    void shouldNotOfferMappingToAClientThatTakesNoDescriptors() {
        var client = connect();
        client.negotiate("{\"capabilities\":{\"max_msg_fds\":0}}");
        var reply = client.ask(RawClient.GET_REGION_INFO, request(4096, 2)).succeeded(32, 0);
        assertThat(reply.u32(0)).isEqualTo(32);
        assertThat(reply.u32(4)).isEqualTo(3);
    }

    @ParameterizedTest
    @CsvSource({"31, 0", "0, 0", "32, 9", "32, 4294967295"})
    void shouldRefuseWhatIsOutOfBounds(long argsz, long index) {
        negotiated().ask(RawClient.GET_REGION_INFO, request(argsz, index)).failed(Errno.EINVAL);
    }

    @Test
    void shouldTakeARequestAsLongAsItsArgsz() {
        negotiated()
                .ask(RawClient.GET_REGION_INFO, Bytes.join(request(80, 2), new byte[48]))
                .succeeded(80, 1);
    }

    @Test
    void shouldRefuseARequestThatIsCutShort() {
        negotiated().ask(RawClient.GET_REGION_INFO, new byte[31]).failed(Errno.EINVAL);
    }

    @Test
    void shouldSendTheDescriptorAsOftenAsItIsAsked() {
        var client = negotiated();
        for (int i = 0; i < 50; i++) {
            client.ask(RawClient.GET_REGION_INFO, request(80, 2)).succeeded(80, 1);
        }
        assertThat(device.file.isOpen()).isTrue();
    }

    @Test
    void shouldKeepDescriptorsWithTheirRepliesWhenManyArePipelined() {
        var client = negotiated();
        int count = 40;
        var requests = new byte[count][];
        for (int i = 0; i < count; i++) {
            requests[i] =
                    RawClient.message(
                            i, RawClient.GET_REGION_INFO, 0, request(80, i % 2 == 0 ? 2 : 0));
        }
        client.send(Bytes.join(requests));
        for (int i = 0; i < count; i++) {
            var reply = client.receive();
            assertThat(reply.id()).isEqualTo(i);
            reply.succeeded(i % 2 == 0 ? 80 : 32, i % 2 == 0 ? 1 : 0);
        }
    }
}
