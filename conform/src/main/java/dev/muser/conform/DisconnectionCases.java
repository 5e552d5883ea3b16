package dev.muser.conform;

import static dev.muser.conform.Command.*;

import dev.muser.linux.EventFd;
import dev.muser.linux.SyscallException;
import java.util.Arrays;

/** "Client Disconnection": what a server does when its client goes, and before the next. */
final class DisconnectionCases {
    private static final long BASE = 0x5000_0000L;

    private DisconnectionCases() {}

    static Section section() {
        var s = new Section("disconnection");
        s.mustAlone(
                "served-again",
                "the next client is served",
                t -> {
                    t.serves();
                    t.connectAgain(true);
                    t.serves();
                });
        s.mustAlone(
                "memory",
                "a client's memory is unmapped when it disconnects",
                t -> {
                    t.accepted(DMA_MAP, Requests.dmaMap(BASE, 0x4000), t.memory(0x4000));
                    t.connectAgain(true);
                    t.refused(DMA_UNMAP, Requests.dmaUnmap(BASE, 0x4000));
                    t.map(BASE, 0x2000);
                });
        s.mustAlone(
                "interrupts",
                "a client's eventfds are forgotten when it disconnects",
                t -> {
                    var irq =
                            t.device().irqs.stream()
                                    .filter(Device.Irq::eventFd)
                                    .findFirst()
                                    .orElseThrow(() -> new NotOffered("no interrupts"));
                    var fd = t.eventFd();
                    t.accepted(
                            SET_IRQS,
                            Requests.setIrqs(
                                    Requests.EVENTFD | Requests.TRIGGER, irq.index(), 0, 1),
                            fd);
                    t.connectAgain(true);
                    t.accepted(
                            SET_IRQS,
                            Requests.setIrqs(Requests.NONE | Requests.TRIGGER, irq.index(), 0, 1));
                    t.check(
                            EventFd.take(fd) <= 0,
                            "the first client's eventfd not signalled",
                            "a signal");
                });
        s.mustAlone(
                "version",
                "the next client agrees on a version of its own",
                t -> {
                    t.connectAgain(false);
                    var reply = t.accepted(VERSION, Requests.version(0, 0, "{}"));
                    t.equal("minor", 0, reply.u16(2));
                    t.serves();
                });
        s.mustAlone(
                "state",
                "configuration space is the same for the next client",
                t -> {
                    var before = RegionReadCases.read(t, 0, 4);
                    t.connectAgain(true);
                    var after = RegionReadCases.read(t, 0, 4);
                    t.check(Arrays.equals(before, after), Hex.of(before), Hex.of(after));
                });
        s.shouldAlone(
                "migration",
                "the device runs for the next client, whatever state it was left in",
                t -> {
                    MigrationCases.offered(t);
                    MigrationCases.set(t, Features.STOP_COPY);
                    t.connectAgain(true);
                    MigrationCases.is(t, Features.RUNNING);
                    t.serves();
                });
        s.shouldAlone(
                "logging",
                "what a client has logged is not logged for the next, nor by its page size",
                t -> {
                    DmaLoggingCases.started(t);
                    t.connectAgain(true);
                    DmaLoggingCases.refusedWhileOff(t);
                });
        s.shouldAlone(
                "second-client",
                "a second client does not disturb the first",
                t -> {
                    t.serves();
                    try (var second = t.another()) {
                        second.usable();
                        t.serves();
                    } catch (SyscallException e) {
                        t.got("a second client is not let in: " + e.getMessage());
                    }
                    t.serves();
                });
        return s;
    }
}
