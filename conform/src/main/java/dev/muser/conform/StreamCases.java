package dev.muser.conform;

import static dev.muser.conform.Command.*;

import java.util.Arrays;

/**
 * "Command Concurrency", and that the transport is a stream of bytes: a message may come in pieces,
 * and several at once.
 */
final class StreamCases {
    private static final byte[] QUERY = Requests.info(16).get();

    private StreamCases() {}

    static Section section() {
        var s = new Section("stream");
        s.must(
                "pipelined",
                "64 commands in one write are answered in their order",
                t -> {
                    var all = Bytes.of();
                    for (int i = 0; i < 64; i++) {
                        all.raw(Requests.message(1000 + i, GET_INFO, 0, QUERY));
                    }
                    t.sendRaw(all.get());
                    for (int i = 0; i < 64; i++) {
                        t.reply(1000 + i, GET_INFO);
                    }
                });
        s.must(
                "pipelined-mixed",
                "commands that fail and commands that do not are answered in their order",
                t -> {
                    var bad = Requests.regionInfo(4096, 0xffffffffL).get();
                    t.sendRaw(
                            Bytes.of()
                                    .raw(Requests.message(1, GET_INFO, 0, QUERY))
                                    .raw(Requests.message(2, GET_REGION_INFO, 0, bad))
                                    .raw(Requests.message(3, GET_INFO, NO_REPLY, QUERY))
                                    .raw(Requests.message(4, 99, 0, new byte[8]))
                                    .raw(Requests.message(5, GET_INFO, 0, QUERY))
                                    .get());
                    t.reply(1, GET_INFO);
                    t.check(t.reply(2, GET_REGION_INFO).isError(), "an error reply", "success");
                    t.check(t.reply(4, 99).isError(), "an error reply", "success");
                    t.reply(5, GET_INFO);
                });
        s.must(
                "descriptor-between",
                "a descriptor goes with its message, also between others",
                t -> {
                    long address = 0x10_0000;
                    var fd = t.memory(0x1000);
                    t.unmapAtEnd(address, 0x1000);
                    t.sendRaw(Requests.message(1, GET_INFO, 0, QUERY));
                    var map = Requests.dmaMap(address, 0x1000).get();
                    t.sendRaw(Requests.message(2, DMA_MAP, 0, map), fd);
                    t.sendRaw(Requests.message(3, GET_INFO, 0, QUERY));
                    t.reply(1, GET_INFO);
                    t.check(!t.reply(2, DMA_MAP).isError(), "success", "an error reply");
                    t.reply(3, GET_INFO);
                });
        s.shouldAlone(
                "byte-by-byte",
                "a message that comes byte by byte is answered",
                t -> {
                    for (byte each : Requests.message(5, GET_INFO, 0, QUERY)) {
                        t.sendPiece(new byte[] {each});
                    }
                    t.reply(5, GET_INFO);
                    t.serves();
                });
        for (int cut : new int[] {1, 8, 15, 16, 17, 31}) {
            s.shouldAlone(
                    "cut-at-" + cut,
                    "a message of which %d bytes come first is answered".formatted(cut),
                    t -> {
                        var message = Requests.message(5, GET_INFO, 0, QUERY);
                        t.sendPiece(Arrays.copyOf(message, cut));
                        t.sendRaw(Arrays.copyOfRange(message, cut, message.length));
                        t.reply(5, GET_INFO);
                        t.serves();
                    });
        }
        s.shouldAlone(
                "one-and-a-half",
                "a write that ends in the middle of its second message is answered for both",
                t -> {
                    var message = Requests.message(5, GET_INFO, 0, QUERY);
                    t.sendPiece(
                            Bytes.of().raw(message).raw(message).cut(message.length + 20).get());
                    t.sendRaw(Arrays.copyOfRange(message, 20, message.length));
                    t.reply(5, GET_INFO);
                    t.reply(5, GET_INFO);
                });
        s.mustAlone(
                "end-in-message",
                "after a client that ended in the middle of a message, the next is served",
                t -> {
                    var message = Requests.message(5, GET_INFO, 0, QUERY);
                    t.sendRaw(Arrays.copyOf(message, 20));
                    t.connectAgain(true);
                    t.serves();
                });
        return s;
    }
}
