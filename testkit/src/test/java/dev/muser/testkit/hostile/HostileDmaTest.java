package dev.muser.testkit.hostile;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.devices.conformance.Conformance;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.SyscallException;
import dev.muser.server.ServerOptions;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Mappings that cannot be, and memory that changes under the device (vfio-user, DMA_MAP). */
class HostileDmaTest extends HostileTest {
    private static final int PAGE = 4096;
    private static final long TIB = 1L << 40;

    @ParameterizedTest
    @CsvSource({
        "0xffffffffffffffff, 2",
        "0xfffffffffffff000, 0x1001",
        "0xfffffffffffff000, 0x7fffffffffffffff",
        "1, 0xffffffffffffffff",
        "0x8000000000000000, 0x8000000000000001",
        // nothing
        "0, 0",
        "0x1000, 0",
        "0xffffffffffffffff, 0"
    })
    void shouldRefuseARangeThatWrapsAroundOrIsEmpty(String address, String size) {
        var client = negotiated();
        long from = Long.parseUnsignedLong(address.replace("0x", ""), radix(address));
        long bytes = Long.parseUnsignedLong(size.replace("0x", ""), radix(size));
        for (var memory : new Fd[][] {{}, {memory(PAGE)}}) {
            var reply = client.ask(Requests.DMA_MAP, Requests.dmaMap(3, 0, from, bytes), memory);
            assertThat(reply.flags()).isEqualTo(Requests.ERROR_REPLY);
            assertThat(reply.errno()).isIn(Errno.EINVAL, Errno.ENOSPC);
        }
        client.map(0, PAGE, memory(PAGE));
    }

    private static int radix(String number) {
        return number.startsWith("0x") ? 16 : 10;
    }

    @Test
    void shouldRefuseAnOffsetThatWrapsAroundOrIsBeyondTheFile() {
        var client = negotiated();
        for (long offset : new long[] {1, PAGE, -PAGE, Long.MAX_VALUE, Long.MIN_VALUE, -1}) {
            client.ask(Requests.DMA_MAP, Requests.dmaMap(3, offset, 0, PAGE), memory(PAGE))
                    .failed(Errno.EINVAL);
        }
    }

    @Test
    void shouldReachExactlyTheBytesOfAnUnalignedMapping() {
        var client = negotiated();
        client.ask(Requests.DMA_MAP, Requests.dmaMap(3, 0x345, 0x777, 0x123), memory(PAGE))
                .succeeded(0);
        assertThat(Transfers.run(client, Puppet.Order.DMA_WRITE, 0x777, 0x123)).isZero();
        assertThat(Transfers.run(client, Puppet.Order.DMA_WRITE, 0x777, 0x124))
                .isEqualTo(Errno.EFAULT);
        assertThat(Transfers.run(client, Puppet.Order.DMA_WRITE, 0x776, 1)).isEqualTo(Errno.EFAULT);
    }

    @Test
    void shouldRefuseEveryOverlap() {
        var client = negotiated();
        var file = memory(8 * PAGE);
        byte[] first = Requests.dmaMap(3, 0, 0x10000, 2 * PAGE);
        client.ask(Requests.DMA_MAP, first, file).succeeded(0);
        for (long[] range :
                new long[][] {
                    {0x10000, PAGE}, // its beginning
                    {0x11000, PAGE}, // its end
                    {0x10fff, 2}, // its middle
                    {0xf000, PAGE + 1}, // its first byte
                    {0x11fff, 1}, // its last byte
                    {0xf000, 4 * PAGE}, // all of it
                    {0x10001, 2 * PAGE},
                    {0, 1L << 59}
                }) {
            client.ask(Requests.DMA_MAP, Requests.dmaMap(3, 0, range[0], range[1]))
                    .failed(Errno.EEXIST);
        }
        client.ask(Requests.DMA_MAP, Requests.dmaMap(1, 0, 0x10000, 2 * PAGE), file)
                .failed(Errno.EEXIST);
        // the very same is no other
        client.ask(Requests.DMA_MAP, first, file).succeeded(0);
        client.map(0xf000, PAGE, file);
        client.map(0x12000, PAGE, file);
    }

    @Test
    void shouldRefuseAFileThatIsSmallerThanItsRegion() {
        var client = negotiated();
        for (long size : new long[] {0, 1, PAGE - 1, PAGE}) {
            client.ask(Requests.DMA_MAP, Requests.dmaMap(3, 0, 0, PAGE + 1), memory(size))
                    .failed(Errno.EINVAL);
        }
    }

    /** A mapping that has failed stays failed: its client maps anew. */
    @ParameterizedTest
    @EnumSource(names = {"DMA_READ", "DMA_WRITE"})
    void shouldFailTransfersOfMemoryThatWasTruncatedUntilItIsMappedAnew(Puppet.Order order) {
        var client = negotiated();
        var file = memory(4 * PAGE);
        for (int i = 0; i < 500; i++) { // cold, and compiled
            client.map(0, 4 * PAGE, file);
            assertThat(Transfers.run(client, order, 2 * PAGE - 32, 64)).isZero();
            MemoryFile.resize(file, i % 2 == 0 ? 2 * PAGE : 0);
            assertThat(Transfers.run(client, order, 2 * PAGE, 64)).isEqualTo(Errno.EFAULT);
            MemoryFile.resize(file, 4 * PAGE);
            assertThat(Transfers.run(client, order, 2 * PAGE, 64)).isEqualTo(Errno.EFAULT);
            client.ask(Requests.DMA_UNMAP, Requests.dmaUnmap(0, 4 * PAGE)).succeeded(24);
        }
    }

    /** Another thread of the client makes it shorter and longer while the device copies. */
    @Test
    void shouldOutliveMemoryThatIsTruncatedWhileItIsUsed() throws InterruptedException {
        var client = negotiated();
        var file = memory(4 * PAGE);
        var done = new AtomicBoolean();
        var spoiler =
                Thread.ofPlatform()
                        .start(() -> {
                            while (!done.get()) {
                                MemoryFile.resize(file, 0);
                                MemoryFile.resize(file, 4 * PAGE);
                            }
                        });
        try {
            byte[] map = Requests.dmaMap(3, 0, 0, 4 * PAGE);
            for (int i = 0; i < 600; i++) {
                var mapped = client.ask(Requests.DMA_MAP, map, file);
                if (mapped.isError()) {
                    mapped.failed(Errno.EINVAL); // at that moment it was too short
                    continue;
                }
                var order = i % 2 == 0 ? Puppet.Order.DMA_READ : Puppet.Order.DMA_WRITE;
                assertThat(Transfers.run(client, order, PAGE, Puppet.RAM_SIZE))
                        .isIn(0, Errno.EFAULT);
                client.ask(Requests.DMA_UNMAP, Requests.dmaUnmap(0, 4 * PAGE)).succeeded(24);
            }
        } finally {
            done.set(true);
            spoiler.join();
        }
    }

    @Test
    void shouldReadZerosWhereAHoleWasPunched() {
        var client = negotiated();
        for (boolean sealed : new boolean[] {false, true}) {
            var file = memory(4 * PAGE);
            if (sealed) {
                MemoryFile.seal(file, MemoryFile.SEAL_SHRINK);
            }
            client.map(0, 4 * PAGE, file);
            write(client, "12345678");
            assertThat(Transfers.run(client, Puppet.Order.DMA_WRITE, PAGE, 8)).isZero();
            MemoryFile.clear(file, 0, 4 * PAGE);
            assertThat(Transfers.run(client, Puppet.Order.DMA_READ, PAGE, 8)).isZero();
            assertThat(ram(client, 8)).containsOnly(0);
            write(client, "abcdefgh");
            assertThat(Transfers.run(client, Puppet.Order.DMA_WRITE, PAGE, 8)).isZero();
            write(client, "xxxxxxxx");
            assertThat(Transfers.run(client, Puppet.Order.DMA_READ, PAGE, 8)).isZero();
            assertThat(ram(client, 8)).asString().isEqualTo("abcdefgh");
            client.ask(Requests.DMA_UNMAP, Requests.dmaUnmap(0, 4 * PAGE)).succeeded(24);
        }
    }

    private static void write(HostileClient client, String text) {
        byte[] bytes = text.getBytes(US_ASCII);
        client.ask(Requests.REGION_WRITE, Requests.regionWrite(0, Puppet.RAM, bytes)).succeeded(16);
    }

    /** Returns eight bytes of a file. */
    private static byte[] bytes(Fd file, long at) {
        var memory = Arena.ofAuto().allocate(8);
        assertThat(file.readAt(at, memory, 0, 8)).isEqualTo(8);
        return memory.toArray(JAVA_BYTE);
    }

    private static byte[] ram(HostileClient client, int count) {
        return client.ask(Requests.REGION_READ, Requests.regionRead(0, Puppet.RAM, count))
                .succeeded(16 + count)
                .payload(16);
    }

    /** The pool has fewer pages than the file is long: mapping it takes them, and cannot. */
    @Test
    void shouldRefuseHugePagesThatTheSystemHasNot() throws Exception {
        var client = negotiated();
        long pool = 0;
        for (var line : Files.readAllLines(Path.of("/proc/meminfo"))) {
            if (line.startsWith("HugePages_Total:")) {
                pool = Long.parseLong(line.substring("HugePages_Total:".length()).strip());
            }
        }
        long size = (pool + 64) * (2 << 20);
        var huge = closing(MemoryFile.createHuge("hostile", size));
        for (int i = 0; i < 3; i++) {
            client.ask(Requests.DMA_MAP, Requests.dmaMap(3, 0, 0, size), huge).failed(Errno.ENOMEM);
        }
        client.map(0, PAGE, memory(PAGE));
    }

    @Test
    void shouldFailAWriteToMemoryThatIsOnlyToBeRead() {
        var client = negotiated();
        var file = memory(PAGE);
        client.ask(Requests.DMA_MAP, Requests.dmaMap(1, 0, 0, PAGE), file).succeeded(0);
        client.ask(
                        Requests.DMA_MAP,
                        Requests.dmaMap(1, 0, 0x2000, PAGE),
                        closing(file.reopenForReading()))
                .succeeded(0);
        client.ask(Requests.DMA_MAP, Requests.dmaMap(2, 0, 0x4000, PAGE), file).succeeded(0);
        client.ask(Requests.DMA_MAP, Requests.dmaMap(1, 0, 0x6000, PAGE)).succeeded(0);
        write(client, "12345678");
        for (long address : new long[] {0, 0x2000, 0x6000}) {
            assertThat(Transfers.run(client, Puppet.Order.DMA_WRITE, address, 8))
                    .isEqualTo(Errno.EACCES);
        }
        assertThat(Transfers.run(client, Puppet.Order.DMA_READ, 0x4000, 8)).isEqualTo(Errno.EACCES);
        assertThat(bytes(file, 0)).asString().isEqualTo("\0\0\0\0\0\0\0\0");
        assertThat(Transfers.run(client, Puppet.Order.DMA_WRITE, 0x4000, 8)).isZero();
        assertThat(bytes(file, 0)).asString().isEqualTo("12345678");
    }

    /**
     * The device waits for an answer from memory that is unmapped meanwhile. That memory is the
     * client's alone, so that it is the client who says how the transfer ends.
     */
    @ParameterizedTest
    @CsvSource({"DMA_READ, 0", "DMA_WRITE, 0", "DMA_READ, 14", "DMA_WRITE, 14"})
    void shouldEndATransferWhoseMemoryIsUnmappedWhileItIsUnderWay(Puppet.Order order, int errno) {
        var client = negotiated();
        for (int i = 0; i < 10; i++) {
            client.map(0, PAGE);
            Transfers.start(client, order, 0, 8);
            var asked = client.receive();
            assertThat(asked.u64(8)).isEqualTo(8);
            client.ask(Requests.DMA_UNMAP, Requests.dmaUnmap(0, PAGE)).succeeded(24);
            assertThat(Transfers.peek(client)).isEqualTo(Puppet.PENDING);
            client.send(errno == 0 ? answer(asked) : error(asked, errno));
            assertThat(Transfers.result(client)).isEqualTo(errno);
            assertThat(Transfers.run(client, order, 0, 8)).isEqualTo(Errno.EFAULT);
        }
    }

    private static byte[] answer(Reply asked) {
        var answer = Bytes.of().u64(asked.u64(0)).u64(asked.u64(8));
        if (asked.command() == Requests.DMA_READ) {
            answer.zeros((int) asked.u64(8));
        }
        return Requests.message(asked.id(), asked.command(), Requests.REPLY, answer.get());
    }

    private static byte[] error(Reply asked, int errno) {
        return Bytes.of()
                .u16(asked.id())
                .u16(asked.command())
                .u32(Requests.HEADER)
                .u32(Requests.ERROR_REPLY)
                .u32(errno)
                .get();
    }

    @Test
    void shouldRefuseToUnmapPartOfAMapping() {
        var client = negotiated();
        client.map(0x10000, 4 * PAGE, memory(4 * PAGE));
        client.map(0x14000, 4 * PAGE, memory(4 * PAGE));
        for (long[] range :
                new long[][] {
                    {0x10000, PAGE},
                    {0x11000, PAGE},
                    {0x13000, PAGE},
                    {0x10000, 4 * PAGE - 1},
                    {0x10000, 4 * PAGE + 1},
                    {0xf000, 6 * PAGE},
                    {0x11000, 1L << 62},
                    {0x10000, 0},
                    {0x18000, PAGE}
                }) {
            client.ask(Requests.DMA_UNMAP, Requests.dmaUnmap(range[0], range[1]))
                    .failed(Errno.ENOENT);
        }
        assertThat(Transfers.run(client, Puppet.Order.DMA_WRITE, 0x13ff0, 32)).isZero();
    }

    @Test
    void shouldUnmapAllMappingsInARangeThatCutsNone() {
        var client = negotiated();
        for (long[] range : new long[][] {{0xf000, 9 * PAGE}, {0x10000, 8 * PAGE}, {0, 1L << 63}}) {
            client.map(0x10000, 4 * PAGE, memory(4 * PAGE));
            client.map(0x14000, 4 * PAGE, memory(4 * PAGE));
            assertThat(Transfers.run(client, Puppet.Order.DMA_WRITE, 0x13ff0, 32)).isZero();
            client.ask(Requests.DMA_UNMAP, Requests.dmaUnmap(range[0], range[1])).succeeded(24);
            for (long gone : new long[] {0x10000, 0x14000}) {
                assertThat(Transfers.run(client, Puppet.Order.DMA_WRITE, gone, 8))
                        .isEqualTo(Errno.EFAULT);
            }
        }
    }

    @Test
    void shouldHoldAMillionRegionsAndNotOneMoreThanTheDeviceAllows() {
        int million = 1_000_000;
        var client =
                connect(serve(ctx -> new Puppet(ctx, million), ServerOptions.DEFAULTS)).negotiate();
        int batch = 500;
        for (int first = 0; first < million; first += batch) {
            var all = Bytes.of();
            for (int i = first; i < first + batch; i++) {
                // a gap behind each, and the last ones first
                long address = (long) (million - i) * 2 * PAGE;
                all.raw(
                        Requests.message(
                                i & 0xffff,
                                Requests.DMA_MAP,
                                i % batch == batch - 1 ? 0 : Requests.NO_REPLY,
                                Requests.dmaMap(3, 0, address, PAGE)));
            }
            client.send(all.get());
            client.receive().succeeded(0);
        }
        client.ask(Requests.DMA_MAP, Requests.dmaMap(3, 0, 0, PAGE)).failed(Errno.EINVAL);
        assertThat(Transfers.run(client, Puppet.Order.DMA_READ, 3 * PAGE, 8))
                .isEqualTo(Errno.EFAULT);
        client.ask(Requests.DMA_UNMAP, Requests.dmaUnmap(2 * PAGE, PAGE)).succeeded(24);
        client.map(0, PAGE);
        bystander.expectUnharmed();
        client.ask(Requests.DMA_UNMAP, Bytes.of().u32(24).u32(2).u64(0).u64(0).get()) // all
                .succeeded(24);
        client.map(0, PAGE);
    }

    @Test
    void shouldRefuseMoreRegionsWithADescriptorThanClientsMayHave() {
        var client = negotiated();
        var file = memory(PAGE);
        int allowed = 65535; // vfio-user, VERSION, max_dma_maps
        for (int i = 0; i < allowed; i++) {
            byte[] map = Requests.dmaMap(3, 0, (long) i * PAGE, PAGE);
            if (i % 256 == 255 || i == allowed - 1) {
                client.ask(Requests.DMA_MAP, map, file).succeeded(0);
            } else {
                client.post(Requests.DMA_MAP, map, file);
            }
        }
        client.ask(Requests.DMA_MAP, Requests.dmaMap(3, 0, 1L << 40, PAGE), file)
                .failed(Errno.EINVAL);
        assertThat(Transfers.run(client, Puppet.Order.DMA_WRITE, (allowed - 1L) * PAGE, 8))
                .isZero();
    }

    /**
     * A file for each region, so a mapping of the kernel's, of which the process has some 65,000: a
     * client has 4,096 at most, all of them 32,768, and the next one half of what is left.
     */
    @Test
    void shouldLeaveMappingsToOthersHoweverManyFilesClientsMap() {
        var paths = new ArrayList<Path>();
        for (int i = 0; i < 10; i++) {
            paths.add(serve(Puppet::new, ServerOptions.DEFAULTS));
        }
        int total = 0;
        for (var path : paths) {
            var client = connect(path).negotiate();
            int mapped = mapFiles(client);
            assertThat(mapped).as("files of a client").isBetween(1, 4096);
            assertThat(total > 0 || mapped == 4096).as("the first has all it may").isTrue();
            total += mapped;
            for (long page : new long[] {0, mapped / 2, mapped - 1L}) {
                assertThat(Transfers.run(client, Puppet.Order.DMA_WRITE, page * PAGE, 8)).isZero();
            }
            bystander.expectUnharmed();
        }
        assertThat(total).as("files of all clients").isBetween(31_000, 32_768);
        expectNextServed(socket);
    }

    /** Maps one file after the other until it is refused; returns how many. */
    private static int mapFiles(HostileClient client) {
        for (int mapped = 0; ; mapped++) {
            try (var file = MemoryFile.create("hostile", PAGE)) {
                byte[] map = Requests.dmaMap(3, 0, (long) mapped * PAGE, PAGE);
                var reply = client.ask(Requests.DMA_MAP, map, file);
                if (reply.isError()) {
                    reply.failed(Errno.ENOMEM);
                    return mapped;
                }
            }
        }
    }

    @Test
    void shouldReachTheLastByteOfRegionsOf8TiBAndLeaveRoomForOthers() {
        var client = negotiated();
        int mapped = 0;
        int errno = 0;
        while (errno == 0) {
            var file = memory(8 * TIB);
            long address = 8L * TIB * mapped;
            errno =
                    client.ask(Requests.DMA_MAP, Requests.dmaMap(3, 0, address, 8 * TIB), file)
                            .errno();
            if (errno == 0) {
                assertThat(
                                Transfers.run(
                                        client, Puppet.Order.DMA_WRITE, address + 8 * TIB - 16, 16))
                        .isZero();
                mapped++;
            }
            assertThat(mapped).as("regions of 8 TiB").isLessThan(16); // the kernel has 128 TiB
        }
        assertThat(errno).isEqualTo(Errno.ENOMEM);
        assertThat(mapped).as("regions of 8 TiB").isPositive();
        expectOthersCanMap();
        // without a descriptor they cost nothing
        client.map(1L << 50, 8 * TIB);
    }

    private void expectOthersCanMap() {
        var path = serve(Puppet::new, ServerOptions.DEFAULTS);
        var other = connect(path).negotiate();
        other.map(0, 64L << 30, memory(64L << 30));
        assertThat(Transfers.run(other, Puppet.Order.DMA_WRITE, (64L << 30) - 8, 8)).isZero();
    }

    @Test
    void shouldRefuseARegionLargerThanTheDeviceAllows() {
        var client = connect(serve(Conformance::new, ServerOptions.DEFAULTS)).negotiate();
        client.ask(Requests.DMA_MAP, Requests.dmaMap(3, 0, 0, 8 * TIB + 1)).failed(Errno.ENOSPC);
        client.map(0, 8 * TIB);
    }

    @ParameterizedTest
    @EnumSource(names = {"DMA_READ", "DMA_WRITE"})
    void shouldFailATransferAcrossAGapBeforeItMovesAnything(Puppet.Order order) {
        var client = negotiated();
        var file = memory(4 * PAGE);
        client.map(0, PAGE, file);
        client.ask(Requests.DMA_MAP, Requests.dmaMap(3, 2 * PAGE, 2 * PAGE, PAGE), file)
                .succeeded(0);
        write(client, "12345678");
        assertThat(Transfers.run(client, order, PAGE - 8, Puppet.RAM_SIZE)).isEqualTo(Errno.EFAULT);
        assertThat(Transfers.run(client, order, PAGE - 8, 9)).isEqualTo(Errno.EFAULT);
        assertThat(Transfers.run(client, order, 2 * PAGE - 1, 2)).isEqualTo(Errno.EFAULT);
        assertThat(Transfers.run(client, order, -8, 16)).isEqualTo(Errno.EFAULT);
        assertThat(bytes(file, PAGE - 8)).containsOnly(0);
        assertThat(ram(client, 8)).asString().isEqualTo("12345678");
        // closed, part with a descriptor and part by message
        client.ask(Requests.DMA_MAP, Requests.dmaMap(3, PAGE, PAGE, PAGE), file).succeeded(0);
        assertThat(Transfers.run(client, order, PAGE - 8, Puppet.RAM_SIZE)).isZero();
    }

    /** The client maps a BAR of the device and gives its memory back to the device to write to. */
    @Test
    void shouldDoDmaIntoTheDevicesOwnBar() {
        var client = negotiated();
        var info = client.ask(Requests.GET_REGION_INFO, Requests.regionInfo(4096, 2));
        assertThat(info.fds()).hasSize(1);
        var bar = info.fds().getFirst();
        long offset = info.u64(24);
        client.ask(
                        Requests.DMA_MAP,
                        Requests.dmaMap(3, offset, 0xfeb0_0000L, Puppet.BAR2_SIZE),
                        bar)
                .succeeded(0);
        write(client, "peer2peer");
        assertThat(Transfers.run(client, Puppet.Order.DMA_WRITE, 0xfeb0_0010L, 9)).isZero();
        assertThat(
                        client.ask(Requests.REGION_READ, Requests.regionRead(2, 0x10, 9))
                                .succeeded(25)
                                .payload(16))
                .asString()
                .isEqualTo("peer2peer");
        // by its bus address alone it is no memory
        client.ask(
                        Requests.REGION_WRITE,
                        Requests.regionWrite(7, 0x10, Bytes.of().u32(0xfea0_0000L).get()))
                .succeeded(16);
        assertThat(Transfers.run(client, Puppet.Order.DMA_WRITE, 0xfea0_0000L, 4))
                .isEqualTo(Errno.EFAULT);
    }

    /** A BAR's file is the device's: its client cannot make it shorter. */
    @Test
    void shouldNotLetAClientTruncateTheMemoryOfABar() {
        var client = negotiated();
        var bar =
                client.ask(Requests.GET_REGION_INFO, Requests.regionInfo(4096, 2)).fds().getFirst();
        for (long size : new long[] {0, PAGE, 1L << 30}) {
            assertThatThrownBy(() -> MemoryFile.resize(bar, size))
                    .isInstanceOfSatisfying(
                            SyscallException.class,
                            e -> assertThat(e.errno()).isEqualTo(Errno.EPERM));
        }
        client.ask(Requests.REGION_WRITE, Requests.regionWrite(2, Puppet.BAR2_SIZE - 1, (byte) 1))
                .succeeded(16);
        MemoryFile.clear(bar, 0, Puppet.BAR2_SIZE); // a hole it may make: zeros
        client.ask(Requests.REGION_READ, Requests.regionRead(2, 0, Puppet.BAR2_SIZE))
                .succeeded(16 + Puppet.BAR2_SIZE);
    }
}
