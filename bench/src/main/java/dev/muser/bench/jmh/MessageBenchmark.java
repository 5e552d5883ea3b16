package dev.muser.bench.jmh;

import dev.muser.protocol.Command;
import dev.muser.protocol.Header;
import dev.muser.protocol.RegionAccess;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** What a REGION_READ of 4 bytes costs in its messages alone. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class MessageBenchmark {
    private static final int SIZE = Header.SIZE + RegionAccess.SIZE;

    private final Header header = new Header();
    private final RegionAccess access = new RegionAccess();
    private final MemorySegment message = Arena.ofAuto().allocate(SIZE + 4L, 8);
    private final MemorySegment reply = Arena.ofAuto().allocate(SIZE + 4L, 8);

    @Setup
    public void encodeOnce() {
        encode();
    }

    /** As a client writes it. */
    @Benchmark
    public int encode() {
        Header.encodeCommand(message, 0, 1, Command.REGION_READ, SIZE, false);
        return RegionAccess.encode(message, Header.SIZE, 0x40, 2, 4);
    }

    /** As a server reads and checks it. */
    @Benchmark
    public long decode() {
        header.wrap(message, 0);
        int framing = header.validate(1 << 20);
        access.wrap(message, Header.SIZE, header.payloadLength());
        int errno = access.validateReadRequest(9, 1 << 20);
        return framing + errno + access.regionOffset() + access.region() + access.count();
    }

    /** As a server writes the reply. */
    @Benchmark
    public int encodeReply() {
        Header.encodeReply(reply, 0, 1, Command.REGION_READ, SIZE + 4);
        return RegionAccess.encode(reply, Header.SIZE, 0x40, 2, 4);
    }
}
