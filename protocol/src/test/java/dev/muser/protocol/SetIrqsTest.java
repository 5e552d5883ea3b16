package dev.muser.protocol;

import static dev.muser.protocol.Bytes.AT;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The rules of DEVICE_SET_IRQS: protocol section 10. Flags are in hexadecimal. */
class SetIrqsTest {
    /** INTx 1, MSI 0, MSI-X 8, ERR 1, REQ 2 (more than it should have, to see its own rule). */
    private static final int[] VECTORS = {1, 0, 8, 1, 2};

    @ParameterizedTest
    @CsvSource({
        // flags, index, start, count, bytes of data, descriptors, errno
        "24, 0, 0, 1, 0, 1, 0",
        "24, 2, 0, 8, 0, 8, 0",
        "24, 2, 3, 5, 0, 5, 0",
        "24, 2, 0, 8, 0, 0, 0", // QEMU: de-assign
        "24, 2, 0, 8, 0, 7, 22",
        "24, 2, 0, 7, 0, 8, 22",
        "24, 2, 0, 9, 0, 9, 22",
        "24, 2, 4, 5, 0, 5, 22",
        "24, 2, 7, 1, 0, 1, 0",
        "24, 2, 8, 1, 0, 1, 22",
        "24, 2, 4294967295, 1, 0, 1, 22",
        "24, 2, 1, 4294967295, 0, 0, 22",
        "24, 2, 4294967295, 4294967295, 0, 0, 22",
        "24, 1, 0, 1, 0, 1, 22", // a type without vectors
        "21, 1, 0, 0, 0, 0, 22",
        "24, 5, 0, 1, 0, 1, 22",
        "24, 4294967295, 0, 1, 0, 1, 22",
        "21, 0, 0, 0, 0, 0, 0", // all off
        "21, 2, 1, 0, 0, 0, 22",
        "21, 0, 0, 1, 0, 0, 0", // loopback
        "21, 0, 0, 1, 0, 1, 22",
        "11, 0, 0, 1, 0, 0, 0", // unmask, as QEMU after each INTx
        "11, 0, 0, 0, 0, 0, 22",
        "9, 0, 0, 0, 0, 0, 22",
        "9, 2, 0, 8, 0, 0, 0",
        "14, 0, 0, 1, 0, 1, 0", // resample descriptor
        "c, 0, 0, 1, 0, 1, 0",
        "24, 2, 0, 0, 0, 0, 22",
        "22, 2, 0, 0, 0, 0, 22",
        "22, 2, 0, 3, 3, 0, 0",
        "22, 2, 0, 3, 2, 0, 22",
        "22, 2, 0, 3, 4, 0, 22",
        "22, 2, 0, 3, 3, 1, 22",
        "a, 2, 0, 3, 3, 0, 0",
        "12, 2, 0, 3, 3, 0, 0",
        "0, 0, 0, 1, 0, 0, 22",
        "1, 0, 0, 1, 0, 0, 22", // no action
        "20, 0, 0, 1, 0, 0, 22", // no data type
        "31, 0, 0, 1, 0, 0, 22", // two actions
        "29, 0, 0, 1, 0, 0, 22",
        "19, 0, 0, 1, 0, 0, 22",
        "23, 0, 0, 1, 1, 0, 22", // two data types
        "25, 0, 0, 1, 0, 1, 22",
        "26, 0, 0, 1, 1, 0, 22",
        "61, 0, 0, 1, 0, 0, 22", // an unknown bit
        "80000021, 0, 0, 1, 0, 0, 22",
        "24, 3, 0, 1, 0, 1, 0", // ERR
        "9, 3, 0, 1, 0, 0, 22",
        "11, 3, 0, 1, 0, 0, 22",
        "24, 4, 0, 1, 0, 1, 0", // REQ
        "24, 4, 0, 2, 0, 2, 22",
        "21, 4, 0, 0, 0, 0, 0"
    })
    void shouldValidateFlagsRangeAndDescriptors(
            String flags, long index, long start, long count, int data, int fds, int errno) {
        var room = Bytes.room();
        SetIrqs.encodeRequest(
                room,
                AT,
                Integer.parseUnsignedInt(flags, 16),
                (int) index,
                (int) start,
                (int) count);
        Wire.u32(room, AT, 20 + data);
        var set = new SetIrqs().wrap(room, AT, 20 + data);
        assertThat(set.validateRequest(VECTORS, fds)).isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({"19, 20, 22", "20, 19, 22", "20, 20, 0", "20, 4294967295, 0"})
    void shouldValidateTheLength(int length, long argsz, int errno) {
        var room = Bytes.room();
        SetIrqs.encodeRequest(room, AT, 0x21, 0, 0, 1);
        Wire.u32(room, AT, argsz);
        assertThat(new SetIrqs().wrap(room, AT, length).validateRequest(VECTORS, 0))
                .isEqualTo(errno);
    }
}
