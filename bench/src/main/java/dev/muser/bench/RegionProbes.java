package dev.muser.bench;

import dev.muser.client.RemoteDevice;
import dev.muser.device.Region;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Reads and writes of BAR0, and their floors. */
final class RegionProbes {
    /** How many messages one sample of a stream has. */
    private static final int STREAM = 512;

    private static final int DEPTH = 32;
    private static final int HEADER_AND_ACCESS = 32;

    private RegionProbes() {}

    static Rounds.Result read(Setup setup, Rounds rounds) {
        try (var device = setup.device();
                var echo = setup.echo()) {
            var buffer = Arena.ofAuto().allocate(8, 8);
            return rounds.measure(
                    access(device, buffer, 4, false),
                    echo.roundTrip(
                            EchoServer.message(HEADER_AND_ACCESS, HEADER_AND_ACCESS + 4),
                            HEADER_AND_ACCESS,
                            HEADER_AND_ACCESS + 4));
        }
    }

    static Rounds.Result write(Setup setup, Rounds rounds, int count) {
        try (var device = setup.device();
                var echo = setup.echo()) {
            var buffer = Arena.ofAuto().allocate(count, 8);
            int size = HEADER_AND_ACCESS + count;
            return rounds.measure(
                    access(device, buffer, count, true),
                    echo.roundTrip(
                            EchoServer.message(size, HEADER_AND_ACCESS), size, HEADER_AND_ACCESS));
        }
    }

    private static Probe access(
            RemoteDevice device, MemorySegment buffer, int count, boolean write) {
        return () -> {
            long start = System.nanoTime();
            if (write) {
                device.writeRegion(Region.BAR0, 0, buffer, 0, count);
            } else {
                device.readRegion(Region.BAR0, 0, buffer, 0, count);
            }
            return System.nanoTime() - start;
        };
    }

    static Rounds.Result posted(Setup setup, Rounds rounds) {
        try (var device = setup.rawDevice();
                var echo = setup.echo()) {
            int size = RawDevice.ACCESS_4;
            return rounds.measure(
                    device.connection()
                            .burst(
                                    device.postedWrite(),
                                    size,
                                    STREAM,
                                    device.read(),
                                    RawDevice.READ_SIZE,
                                    size),
                    echo.burst(
                            EchoServer.message(size, 0),
                            size,
                            STREAM,
                            EchoServer.message(RawDevice.READ_SIZE, size),
                            RawDevice.READ_SIZE,
                            size));
        }
    }

    static Rounds.Result pipelined(Setup setup, Rounds rounds) {
        try (var device = setup.rawDevice();
                var echo = setup.echo()) {
            int reply = RawDevice.ACCESS_4;
            return rounds.measure(
                    device.connection()
                            .pipeline(device.read(), RawDevice.READ_SIZE, reply, DEPTH, STREAM),
                    echo.pipeline(
                            EchoServer.message(RawDevice.READ_SIZE, reply),
                            RawDevice.READ_SIZE,
                            reply,
                            DEPTH,
                            STREAM));
        }
    }

    /** Returns how many bytes the server's thread allocates for each of many messages. */
    static double allocation(Setup setup, int messages) {
        try (var device = setup.rawDevice()) {
            var connection = device.connection();
            var read = device.read();
            var probe =
                    connection.pipeline(
                            read, RawDevice.READ_SIZE, RawDevice.ACCESS_4, DEPTH, STREAM);
            // Compiled code allocates less than interpreted code does.
            for (int done = 0; done < messages; done += STREAM) {
                probe.sample();
            }
            long before = setup.askServer("allocated");
            for (int done = 0; done < messages; done += STREAM) {
                probe.sample();
            }
            // What asking costs is counted too: ask twice, and take it off.
            long after = setup.askServer("allocated");
            long asking = setup.askServer("allocated") - after;
            return (double) Math.max(0, after - before - asking) / messages;
        }
    }
}
