package dev.muser.testkit.hostile;

import static dev.muser.testkit.hostile.MigrationRequests.RESUMING;
import static dev.muser.testkit.hostile.MigrationRequests.RUNNING;
import static dev.muser.testkit.hostile.MigrationRequests.STOP_COPY;
import static dev.muser.testkit.hostile.MigrationRequests.readAll;
import static dev.muser.testkit.hostile.MigrationRequests.state;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.devices.edu.Edu;
import dev.muser.devices.timer.TimerDevice;
import dev.muser.linux.Errno;
import dev.muser.server.ServerOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A stream that is not what a device wrote (docs/migration.md, "What is refused"): EINVAL, the
 * device is in RESUMING and all that it was, and a reset makes it run.
 */
final class HostileMigrationTest extends HostileTest {
    /** Where the devices are whose state is known: {@link #fill}. */
    private static final int CONFIG = 7;

    private HostileClient client;
    private byte[] stream;
    private List<byte[]> records;

    /** What the device is that is to become another. */
    private List<byte[]> mine;

    /** What it is when it has been reset. */
    private List<byte[]> atReset;

    private List<byte[]> theirs;

    @BeforeEach
    void takeTheStreamOfOneDeviceForAnother() {
        var from = connect(serve(Puppet::new, ServerOptions.DEFAULTS)).negotiate();
        fill(from, 1);
        theirs = contents(from);
        stream = stream(from);
        records = StreamRecords.of(stream);
        assertThat(records).as("records of the stream").hasSizeGreaterThan(4);
        client = negotiated();
        client.ask(Requests.RESET, new byte[0]).succeeded(0);
        atReset = contents(client);
        fill(client, 2);
        mine = contents(client);
    }

    private static byte[] stream(HostileClient of) {
        state(of, STOP_COPY).succeeded(16);
        return readAll(of);
    }

    private static void fill(HostileClient client, long seed) {
        var random = new Random(seed);
        var iova = new byte[12]; // and the length
        random.nextBytes(iova);
        write(client, 0, Puppet.IOVA, iova);
        for (int region : new int[] {0, 2}) {
            var data = new byte[Puppet.RAM_SIZE];
            random.nextBytes(data);
            write(client, region, Puppet.RAM, data);
        }
        write(client, CONFIG, 0x3c, (byte) seed);
    }

    private static void write(HostileClient client, int region, long offset, byte... data) {
        client.ask(Requests.REGION_WRITE, Requests.regionWrite(region, offset, data)).succeeded(16);
    }

    /** Returns what clients can see of it. */
    private static List<byte[]> contents(HostileClient client) {
        var all = new ArrayList<byte[]>();
        for (int[] region :
                new int[][] {{0, Puppet.BAR0_SIZE}, {2, Puppet.BAR2_SIZE}, {4, 0x1000}, {7, 256}}) {
            all.add(
                    client.ask(Requests.REGION_READ, Requests.regionRead(region[0], 0, region[1]))
                            .succeeded(16 + region[1])
                            .payload(16));
        }
        return all;
    }

    private void assertIs(List<byte[]> expected, String what) {
        var now = contents(client);
        for (int i = 0; i < now.size(); i++) {
            assertThat(now.get(i)).as("region %d %s", i, what).isEqualTo(expected.get(i));
        }
    }

    private void assertRefused(List<byte[]> spoilt) {
        assertRefused(StreamRecords.join(spoilt));
    }

    /** In pieces of which some end anywhere. */
    private void assertRefused(byte[] spoilt) {
        for (int piece : new int[] {1 << 19, 1000 + spoilt.length % 50}) {
            state(client, RESUMING).succeeded(16);
            int errno = MigrationRequests.write(client, spoilt, piece);
            assertThat(errno).isIn(0, Errno.EINVAL);
            for (int i = 0; i < 2; i++) {
                state(client, RUNNING).failed(Errno.EINVAL);
                state(client, STOP_COPY).failed(Errno.EINVAL);
                assertThat(state(client)).isEqualTo(RESUMING);
            }
            assertIs(mine, "of the device that refuses");
            client.ask(Requests.RESET, new byte[0]).succeeded(0);
            assertThat(state(client)).isEqualTo(RUNNING);
            assertIs(atReset, "of the device that was reset");
            fill(client, 2);
        }
    }

    /** And so are the streams of these tests before they are spoilt. */
    private void assertTaken() {
        state(client, RESUMING).succeeded(16);
        assertThat(MigrationRequests.write(client, stream, 1 << 19)).isZero();
        state(client, RUNNING).succeeded(16);
        assertIs(theirs, "of the device that has come");
    }

    @Test
    void shouldTakeASoundStreamAfterManyThatAreNot() {
        for (int i = 0; i < 20; i++) {
            assertRefused(new byte[100]);
        }
        assertTaken();
    }

    /** Magic, kind, stream, number, area, length, offset and both sums of each record. */
    @ParameterizedTest
    @ValueSource(ints = {0, 4, 8, 16, 24, 28, 32, 40, 44})
    void shouldRefuseAHeaderOfWhichABitIsWrong(int field) {
        var random = new Random(field);
        for (int i = 0; i < records.size(); i++) {
            var spoilt = new ArrayList<>(records);
            spoilt.set(i, flipped(records.get(i), field + random.nextInt(4), random));
            assertRefused(spoilt);
        }
        assertTaken();
    }

    @Test
    void shouldRefuseAPayloadOfWhichABitIsWrong() {
        var random = new Random(5);
        for (int i = 0; i < records.size(); i++) {
            var record = records.get(i);
            int length = record.length - StreamRecords.HEADER;
            for (int n = 0; n < Math.min(length, 5); n++) {
                var spoilt = new ArrayList<>(records);
                int at = StreamRecords.HEADER + random.nextInt(length);
                spoilt.set(i, flipped(record, at, random));
                assertRefused(spoilt);
            }
        }
        assertTaken();
    }

    private static byte[] flipped(byte[] record, int at, Random random) {
        var copy = record.clone();
        copy[at] ^= (byte) (1 << random.nextInt(8));
        return copy;
    }

    @Test
    void shouldRefuseAStreamThatIsCutAnywhere() {
        int at = 0;
        for (var record : records) {
            for (int cut : new int[] {at, at + 1, at + 47, at + 48, at + record.length - 1}) {
                if (cut != 0 && cut < stream.length) { // nothing at all is no stream
                    assertRefused(Arrays.copyOf(stream, cut));
                }
            }
            at += record.length;
        }
        assertTaken();
    }

    @Test
    void shouldRefuseWhatIsAppended() {
        assertRefused(Arrays.copyOf(stream, stream.length + 1));
        var again = new ArrayList<>(records);
        again.add(records.getLast());
        assertRefused(again);
        again.removeLast();
        again.addAll(records);
        assertRefused(again);
    }

    @Test
    void shouldRefuseRecordsInAnotherOrderTwiceOrLeftOut() {
        for (int i = 0; i < records.size() - 1; i++) {
            var spoilt = new ArrayList<>(records);
            Collections.swap(spoilt, i, i + 1);
            assertRefused(spoilt);
            spoilt = new ArrayList<>(records);
            spoilt.add(i, records.get(i));
            assertRefused(spoilt);
            spoilt = new ArrayList<>(records);
            spoilt.remove(i);
            assertRefused(spoilt);
        }
        var reversed = new ArrayList<>(records);
        Collections.reverse(reversed);
        assertRefused(reversed);
        assertTaken();
    }

    @Test
    void shouldRefuseTheStreamOfAnotherDevice() {
        var edu = connect(serve(Edu::new, ServerOptions.DEFAULTS)).negotiate();
        assertRefused(stream(edu));
        var raw = connect(serve(TimerDevice::new, ServerOptions.DEFAULTS)).negotiate();
        assertRefused(stream(raw));
        assertTaken();
    }

    @Test
    void shouldRefuseTwoStreamsThatAreMixed() {
        var path = serve(Puppet::new, ServerOptions.DEFAULTS);
        var from = connect(path).negotiate();
        fill(from, 1);
        var other = StreamRecords.of(stream(from));
        assertThat(other).hasSameSizeAs(records);
        for (int i = 1; i < records.size(); i++) {
            var mixed = new ArrayList<>(records.subList(0, i));
            mixed.addAll(other.subList(i, other.size()));
            assertRefused(mixed);
        }
        assertTaken();
    }

    /** A field is a lie and the sums are right, as nobody's hardware would have it. */
    @ParameterizedTest
    @CsvSource({
        "4, 0", "4, 1", "4, 6", "4, 4294967295", // kind
        "24, 3", "24, 2147483647", "24, 2147483648", "24, 4294967295", // area
        "28, 32769", "28, 2147483647", "28, 2147483648", "28, 4294967295" // length
    })
    void shouldRefuseALieWhoseSumsAreRight(int field, long value) {
        for (int i = 0; i < records.size(); i++) {
            int kind = StreamRecords.kind(records.get(i));
            boolean isOfArea = kind == StreamRecords.KIND_AREA || kind == StreamRecords.KIND_DATA;
            boolean isSo = StreamRecords.u32(records.get(i), field) == (int) value;
            if (isSo || (field == StreamRecords.AREA && !isOfArea)) {
                continue;
            }
            var spoilt = new ArrayList<>(records);
            spoilt.set(i, StreamRecords.withU32(records.get(i), field, value));
            assertRefused(spoilt);
        }
        assertTaken();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 0x1_0000, 1L << 32, Long.MAX_VALUE, Long.MIN_VALUE, -1})
    void shouldRefuseDataOutsideOfItsArea(long offset) {
        int last = lastOf(StreamRecords.KIND_DATA); // of the state, which it has all of
        var spoilt = new ArrayList<>(records);
        spoilt.set(last, StreamRecords.withU64(records.get(last), StreamRecords.OFFSET, offset));
        assertRefused(spoilt);
    }

    private int lastOf(int kind) {
        int last = -1;
        for (int i = 0; i < records.size(); i++) {
            if (StreamRecords.kind(records.get(i)) == kind) {
                last = i;
            }
        }
        return last;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "state",
                "state 1",
                "state 1 -1",
                "state 1 0",
                "state 0 4096",
                "state 2 4096",
                "state -1 4096",
                "state 1 9223372036854775807",
                "state 1 9223372036854775808",
                "state 1 99999999999",
                "state 1 4096 4096",
                "state 1 1e3",
                "BAR2@0x0 1 16384",
                "../../etc/passwd 1 4096",
                "\0 1 4096"
            })
    void shouldRefuseAnAreaThatCannotBe(String text) {
        int last = lastOf(StreamRecords.KIND_AREA); // the state
        var spoilt = new ArrayList<>(records);
        spoilt.set(last, StreamRecords.withPayload(records.get(last), text.getBytes(US_ASCII)));
        assertRefused(spoilt);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "muser-migration",
                "muser-migration 0\n",
                "muser-migration 2\n",
                "muser-migration 99999999999999999999\n",
                "muser-migration 1\npci.device 1234:5679\n",
                "muser-migration 1\npci.device\n",
                "muser-migration 1\nsomething else\n"
            })
    void shouldRefuseABeginningThatIsNotThisDevices(String text) {
        var spoilt = new ArrayList<>(records);
        spoilt.set(0, StreamRecords.withPayload(records.getFirst(), text.getBytes(US_ASCII)));
        assertRefused(spoilt);
    }

    /** The state's own lists of fields, of which any byte may be any: the server stays. */
    @Test
    void shouldOutliveAStateOfAnyBytesWhoseSumsAreRight() {
        int last = lastOf(StreamRecords.KIND_DATA);
        var record = records.get(last);
        var random = new Random(6);
        for (int i = 0; i < 300; i++) {
            var payload = Arrays.copyOfRange(record, StreamRecords.HEADER, record.length);
            for (int n = 0; n < 1 + i % 8; n++) {
                payload[random.nextInt(payload.length)] = (byte) random.nextInt();
            }
            var spoilt = new ArrayList<>(records);
            spoilt.set(last, StreamRecords.withPayload(record, payload));
            state(client, RESUMING).succeeded(16);
            assertThat(MigrationRequests.write(client, StreamRecords.join(spoilt), 1 << 19))
                    .isZero();
            int errno = state(client, RUNNING).errno(); // values of fields may be any
            assertThat(errno).isIn(0, Errno.EINVAL);
            assertThat(state(client)).isEqualTo(errno == 0 ? RUNNING : RESUMING);
            client.ask(Requests.RESET, new byte[0]).succeeded(0);
        }
        client.expectServed();
    }

    /** As long as it may be, of which nearly all is said to be the list of its fields. */
    @Test
    void shouldRefuseAStateOfManyMegabytes() {
        int area = lastOf(StreamRecords.KIND_AREA);
        int data = lastOf(StreamRecords.KIND_DATA);
        var record = records.get(data);
        var state = Arrays.copyOfRange(record, StreamRecords.HEADER, record.length);
        var header = // but for the magic; then the length, that of the list, and where fields are
                Bytes.of().u64(64 << 20).u32(60 << 20).u32(62 << 20).get();
        System.arraycopy(header, 0, state, 8, header.length);
        var spoilt = new ArrayList<>(records);
        spoilt.set(
                area,
                StreamRecords.withPayload(
                        records.get(area), ("state 1 " + (64 << 20)).getBytes(US_ASCII)));
        spoilt.set(data, StreamRecords.withPayload(record, state));
        assertRefused(spoilt);
    }

    /** Half of a stream, and away; with a sound one the next client's device is the source's. */
    @Test
    void shouldForgetAClientThatLeavesInTheMiddleOfAStream() {
        client.close();
        for (int i = 0; i < records.size(); i++) {
            try (var leaving = HostileClient.connect(socket).negotiate()) {
                state(leaving, RESUMING).succeeded(16);
                var part = StreamRecords.join(records.subList(0, i));
                MigrationRequests.write(leaving, part, 1 << 19);
            }
        }
        client = negotiated();
        assertThat(state(client)).isEqualTo(RUNNING);
        assertIs(atReset, "of the next client's device");
        assertTaken();
    }

    /** Bytes of which nothing came of use take no room once they are refused. */
    @Test
    void shouldHoldNothingOfStreamsThatNeverEnd() {
        Path path = serve(Puppet::new, ServerOptions.DEFAULTS);
        for (int i = 0; i < 50; i++) {
            try (var endless = HostileClient.connect(path).negotiate()) {
                state(endless, RESUMING).succeeded(16);
                var all = Bytes.of();
                all.raw(StreamRecords.join(records.subList(0, records.size() - 1)));
                var data = records.get(lastOf(StreamRecords.KIND_DATA));
                long number = records.size() - 1L;
                for (int n = 0; n < 100; n++) { // the same bytes of the state again
                    all.raw(StreamRecords.withU64(data, StreamRecords.NUMBER, number + n));
                }
                assertThat(MigrationRequests.write(endless, all.get(), 1 << 19)).isZero();
            }
        }
    }
}
