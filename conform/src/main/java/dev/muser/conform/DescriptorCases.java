package dev.muser.conform;

import static dev.muser.conform.Command.*;

import dev.muser.linux.Fd;
import java.util.ArrayList;

/**
 * Descriptors where none are expected. The specification does not speak of them; a server that
 * keeps them can be made to run out.
 */
final class DescriptorCases {
    private DescriptorCases() {}

    static Section section() {
        var s = new Section("descriptors");
        unexpected(s, "info", GET_INFO, Requests.info(16));
        unexpected(s, "unknown", 99, Bytes.of());
        unexpected(s, "dma-unmap", DMA_UNMAP, Requests.dmaUnmap(0x7000_0000, 0x1000));
        unexpected(
                s,
                "set-irqs",
                SET_IRQS,
                Requests.setIrqs(Requests.NONE | Requests.TRIGGER, 0xffffffffL, 0, 1));
        s.should(
                "dma-map-pipe",
                "a pipe as memory is refused, and closed",
                t -> {
                    var pipe = t.pipe();
                    t.unmapAtEnd(0x10_0000, 0x1000);
                    t.refused(DMA_MAP, Requests.dmaMap(0x10_0000, 0x1000), pipe.sink());
                    t.check(t.closedByServer(pipe), "the descriptor closed", "it open");
                });
        s.shouldAlone(
                "many",
                "253 descriptors, all that a message can have, do not stop the server",
                t -> {
                    var fd = t.eventFd();
                    var fds = new ArrayList<Fd>();
                    for (int i = 0; i < 253; i++) {
                        fds.add(fd);
                    }
                    int id = t.send(GET_INFO, 0, Requests.info(16).get(), fds.toArray(Fd[]::new));
                    try {
                        t.reply(id, GET_INFO);
                        t.serves();
                    } catch (Lost e) {
                        t.check(e.isClosed(), "an answer or the end", "silence");
                    }
                });
        s.mustAlone(
                "disconnection",
                "descriptors that a client had passed are closed when it disconnects",
                t -> {
                    var pipe = t.pipe();
                    t.answered(GET_INFO, Requests.info(16), pipe.sink());
                    t.connectAgain(true);
                    t.check(t.closedByServer(pipe), "the descriptor closed", "it open");
                });
        return s;
    }

    private static void unexpected(Section s, String name, int command, Bytes payload) {
        var bytes = payload.get();
        s.should(
                "unexpected-" + name,
                "a descriptor with %s, which takes none, is closed"
                        .formatted(Command.name(command)),
                t -> {
                    var pipe = t.pipe();
                    t.answered(command, Bytes.of().raw(bytes), pipe.sink());
                    t.serves();
                    t.check(t.closedByServer(pipe), "the descriptor closed", "it open");
                });
    }
}
