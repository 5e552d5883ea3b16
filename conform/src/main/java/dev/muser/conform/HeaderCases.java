package dev.muser.conform;

import static dev.muser.conform.Command.*;

import dev.muser.linux.Errno;
import java.util.Locale;

/** "Header": ids, sizes, types, flags, unknown commands. */
final class HeaderCases {
    private static final byte[] QUERY = Requests.info(16).get();

    private HeaderCases() {}

    static Section section() {
        var s = new Section("header");
        for (int id : new int[] {0, 1, 0x7fff, 0x8000, 0xffff}) {
            s.must(
                    "id-%04x".formatted(id),
                    "message id 0x%04x is echoed in the reply".formatted(id),
                    t -> {
                        t.sendRaw(Requests.message(id, GET_INFO, 0, QUERY));
                        t.reply(id, GET_INFO);
                    });
        }
        s.must(
                "id-repeated",
                "two commands under way may have the same id",
                t -> {
                    var query = Requests.message(7, GET_INFO, 0, QUERY);
                    t.sendRaw(Bytes.of().raw(query).raw(query).get());
                    t.reply(7, GET_INFO);
                    t.reply(7, GET_INFO);
                });
        s.must(
                "error-reply",
                "an error reply is a header alone, with the command's id and number",
                t -> t.refused(GET_REGION_INFO, Requests.regionInfo(4096, 0xffffffffL)));
        s.should(
                "error-number",
                "an error reply has an errno (it may be 0)",
                t -> {
                    int errno =
                            t.refused(GET_REGION_INFO, Requests.regionInfo(4096, 0xffffffffL))
                                    .errno();
                    t.check(errno > 0 && errno < 4096, "an errno", "errno " + errno);
                });
        for (int command : new int[] {0, 19, 99, 0xffff}) {
            s.must(
                    "unknown-" + command,
                    "command %d, which does not exist, is refused".formatted(command),
                    t -> {
                        t.refused(command, Bytes.of());
                        t.serves();
                    });
        }
        s.must(
                "unknown-payload",
                "the payload of an unknown command is skipped",
                t -> {
                    t.refused(99, Bytes.of().zeros(4096));
                    t.serves();
                });
        s.must(
                "dirty-pages",
                "command 14 (of protocol 0.0.9, removed) is refused",
                t -> t.refused(DIRTY_PAGES, Bytes.of().zeros(16)));
        for (int command : new int[] {DMA_READ, DMA_WRITE}) {
            s.must(
                    Command.name(command).toLowerCase(Locale.ROOT).replace('_', '-'),
                    "%s, which only servers send, is refused".formatted(Command.name(command)),
                    t -> {
                        t.refused(command, Bytes.of().u64(0).u64(8).zeros(8));
                        t.serves();
                    });
        }
        s.must(
                "no-reply",
                "a command with No_reply gets no reply",
                t -> t.unanswered(GET_INFO, Requests.info(16)));
        s.must(
                "no-reply-error",
                "a command with No_reply gets no error reply either",
                t -> t.unanswered(GET_REGION_INFO, Requests.regionInfo(4096, 0xffffffffL)));
        s.must(
                "no-reply-unknown",
                "an unknown command with No_reply gets no reply",
                t -> t.unanswered(99, Bytes.of()));
        s.must(
                "error-field",
                "the error field of a command is reserved: what is in it does not matter",
                t -> {
                    int id = t.wire().nextId();
                    var message = Requests.message(id, GET_INFO, 0, QUERY);
                    message[12] = Errno.EINVAL;
                    t.sendRaw(message);
                    var reply = t.reply(id, GET_INFO);
                    t.check(!reply.isError(), "success", "an error reply");
                });
        for (int bit = 5; bit < 32; bit += bit == 5 ? 1 : 25) {
            long flag = 1L << bit;
            s.should(
                    "flag-" + bit,
                    "a command with flag bit %d is answered, in whichever way".formatted(bit),
                    t -> {
                        int id = t.wire().nextId();
                        t.sendRaw(Requests.message(id, GET_INFO, (int) flag, QUERY));
                        t.reply(id, GET_INFO);
                        t.serves();
                    });
        }
        s.mustAlone(
                "type-2",
                "a message of a type that does not exist is refused, or ends the connection",
                t -> t.refusedOrClosed(Requests.message(9, GET_INFO, 2, QUERY)));
        s.shouldAlone(
                "type-reply",
                "a reply that nobody waits for does not stop the server",
                t -> {
                    t.sendRaw(Requests.message(9, DMA_READ, REPLY, Bytes.of().zeros(24).get()));
                    int id = t.send(GET_INFO, 0, QUERY);
                    try {
                        var first = t.receive();
                        t.check(
                                first.id() == id || first.isError(),
                                "an error reply, or none",
                                "another reply");
                        if (first.id() != id) {
                            t.reply(id, GET_INFO);
                        }
                    } catch (Lost e) {
                        t.check(e.isClosed(), "an answer or the end", "silence");
                    }
                });
        for (int size : new int[] {0, 1, 15}) {
            s.mustAlone(
                    "size-" + size,
                    "a message size of %d, less than a header, is refused, or ends the connection"
                            .formatted(size),
                    t -> t.refusedOrClosed(Requests.message(9, GET_INFO, size, 0, new byte[0])));
        }
        s.shouldAlone(
                "size-4g",
                "a message size of 2^32 - 1 is refused, or ends the connection, before it is there",
                t ->
                        t.refusedOrClosed(
                                Requests.message(9, GET_INFO, 0xffffffffL, 0, new byte[64])));
        s.mustAlone(
                "size-16",
                "a header alone is refused where a payload is needed",
                t -> {
                    t.refused(GET_INFO, Bytes.of());
                    t.serves();
                });
        return s;
    }
}
