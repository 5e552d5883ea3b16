package dev.muser.bench;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.muser.client.PciFunction;
import dev.muser.device.Region;
import dev.muser.linux.Epoll;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** From a write that makes the device interrupt, to the interrupt. */
final class InterruptProbes {
    private InterruptProbes() {}

    static Rounds.Result interrupt(Setup setup, Rounds rounds) {
        try (var device = setup.postingDevice();
                var echo = setup.echo();
                var function = new PciFunction(device);
                var interrupt = function.interrupt();
                var waitSet = new Epoll(1);
                var there = EventFd.create();
                var back = EventFd.create();
                var backWaitSet = new Epoll(1)) {
            waitSet.add(interrupt.descriptor(), Epoll.IN, 0);
            backWaitSet.add(back, Epoll.IN, 0);
            boolean spins = setup.policy().spins();
            var command = Arena.ofAuto().allocate(4, 4);
            var scratch = Arena.ofAuto().allocate(8, 8);
            command.set(JAVA_INT, 0, BenchDevice.INTERRUPT);
            Probe subject =
                    () -> {
                        long start = System.nanoTime();
                        device.writeRegion(Region.BAR1, BenchDevice.COMMAND, command, 0, 4);
                        await(interrupt.descriptor(), waitSet, spins, scratch);
                        return System.nanoTime() - start;
                    };
            var one = Arena.ofAuto().allocate(8, 8);
            one.set(JAVA_LONG, 0, 1);
            echo.send(EchoServer.message(0, 0), 8, List.of(there, back));
            Probe floor =
                    () -> {
                        long start = System.nanoTime();
                        there.write(one, 0, 8);
                        await(back, backWaitSet, spins, scratch);
                        return System.nanoTime() - start;
                    };
            return rounds.measure(subject, floor);
        }
    }

    private static void await(Fd eventFd, Epoll waitSet, boolean spins, MemorySegment scratch) {
        while (true) {
            if (!spins && waitSet.await(10_000) == 0) {
                throw new IllegalStateException("no interrupt within 10 s");
            }
            if (EventFd.take(eventFd, scratch) > 0) {
                return;
            }
            Thread.onSpinWait();
        }
    }
}
