package dev.muser.conform;

import static dev.muser.conform.Command.*;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;

/** "VFIO_USER_VERSION", each case on a connection of its own. */
final class VersionCases {
    /** What QEMU 11.1 proposes; its buffer for the reply is as long as this request. */
    private static final String QEMU =
            "{\"capabilities\": {\"pgsizes\": 4096, \"max_msg_fds\": 16, \"max_dma_maps\": 65535,"
                    + " \"max_data_xfer_size\": 1048576, \"migration\": {\"max_bitmap_size\":"
                    + " 268435456, \"pgsize\": 4096}, \"write_multiple\": true}}";

    private static final String TWIN =
            "{\"capabilities\":{\"max_msg_fds\":8,\"twin_socket\":{\"supported\":true}}}";

    private static final Set<String> NUMBERS =
            Set.of("max_msg_fds", "max_data_xfer_size", "max_dma_maps", "pgsizes");

    private VersionCases() {}

    static Section section() {
        var s = new Section("version");
        agreement(s);
        acceptable(s);
        s.mustRaw(
                "twin-socket-not-proposed",
                "the reply has no twin socket when none was proposed",
                t -> {
                    var reply = t.accepted(VERSION, Requests.version(0, 2, QEMU));
                    t.check(
                            !capabilities(t, reply).containsKey("twin_socket"),
                            "no twin_socket",
                            "one");
                    t.equal("descriptors:", 0, reply.fds().size());
                });
        s.mustRaw(
                "twin-socket",
                "a twin socket that is agreed on comes with its descriptor",
                t -> twinSocket(t, t.accepted(VERSION, Requests.version(0, 2, TWIN))));
        for (int major : new int[] {1, 2, 0xffff}) {
            s.mustRaw(
                    "major-" + major,
                    "major %d, which does not exist, is not agreed on".formatted(major),
                    t -> refused(t, Requests.version(major, 0, "{}")));
        }
        for (int length : new int[] {0, 2, 3}) {
            s.mustRaw(
                    "length-" + length,
                    "a payload of %d bytes, too few for two numbers, is refused".formatted(length),
                    t -> refused(t, Bytes.of().zeros(length)));
        }
        wrongJson(s);
        order(s);
        return s;
    }

    private static void agreement(Section s) {
        for (int minor : new int[] {0, 1, 2, 3, 0xffff}) {
            s.mustRaw(
                    "minor-" + minor,
                    "to 0.%d the reply has major 0 and a minor of at most that".formatted(minor),
                    t -> {
                        var reply = t.accepted(VERSION, Requests.version(0, minor, "{}"));
                        t.check(reply.length() >= 4, "4 bytes at least", reply.length() + "");
                        t.equal("major", 0, reply.u16(0));
                        t.check(
                                reply.u16(2) <= minor,
                                "a minor of at most " + minor,
                                "minor " + reply.u16(2));
                        t.serves();
                    });
        }
        s.mustRaw(
                "reply",
                "the reply's capabilities are JSON, ended by a NUL, with values of their types",
                t -> {
                    var reply = t.accepted(VERSION, Requests.version(0, 2, QEMU));
                    var capabilities = capabilities(t, reply);
                    for (var key : NUMBERS) {
                        var value = capabilities.get(key);
                        t.check(
                                value == null || (value instanceof Number n && n.longValue() > 0),
                                key + " positive or absent",
                                String.valueOf(value));
                    }
                    var multiple = capabilities.get("write_multiple");
                    t.check(
                            multiple == null || multiple instanceof Boolean,
                            "write_multiple a boolean or absent",
                            String.valueOf(multiple));
                });
        s.shouldRaw(
                "subset",
                "the reply's capabilities are among those proposed",
                t -> {
                    var reply =
                            t.accepted(
                                    VERSION,
                                    Requests.version(
                                            0, 2, "{\"capabilities\":{\"max_msg_fds\":8}}"));
                    for (var key : capabilities(t, reply).keySet()) {
                        t.prefer("max_msg_fds".equals(key), "only max_msg_fds", key + " too");
                    }
                });
        s.shouldRaw(
                "qemu",
                "the reply to QEMU's proposal fits into QEMU's buffer, as long as its request",
                t -> {
                    var request = Requests.version(0, 0, QEMU);
                    var reply = t.accepted(VERSION, request);
                    t.check(
                            reply.length() <= request.get().length,
                            "at most %d bytes".formatted(request.get().length),
                            reply.length() + " bytes");
                });
    }

    private static void acceptable(Section s) {
        accepts(s, true, "no-data", "no version data", Bytes.of().u16(0).u16(1));
        accepts(s, true, "empty-object", "an empty object", Requests.version(0, 1, "{}"));
        var none = "{\"capabilities\":{}}";
        accepts(s, true, "no-capabilities", "no capabilities", Requests.version(0, 1, none));
        accepts(s, true, "defaults", "all the defaults", json("\"max_msg_fds\":1"));
        accepts(s, true, "no-descriptors", "no descriptors taken", json("\"max_msg_fds\":0"));
        accepts(s, false, "unknown-key", "an unknown capability", json("\"colour\":[1,{}]"));
        accepts(
                s,
                false,
                "long",
                "a long unknown capability",
                json("\"colour\":\"" + "x".repeat(3000) + "\""));
    }

    private static void accepts(
            Section s, boolean required, String name, String what, Bytes payload) {
        var bytes = payload.get();
        var title = "a proposal with %s is agreed on".formatted(what);
        Consumer<Trial> body =
                t -> {
                    t.accepted(VERSION, Bytes.of().raw(bytes));
                    t.serves();
                };
        if (required) {
            s.mustRaw(name, title, body);
        } else {
            s.shouldRaw(name, title, body);
        }
    }

    private static void wrongJson(Section s) {
        new TreeMap<>(
                        Map.of(
                                "broken",
                                "{\"capabilities\":{",
                                "array",
                                "[]",
                                "capabilities-number",
                                "{\"capabilities\":1}"))
                .forEach((name, text) ->
                        s.mustRaw(
                                "json-" + name,
                                "version data that are not as described are refused: " + text,
                                t -> refused(t, Requests.version(0, 1, text))));
        new TreeMap<>(
                        Map.of(
                                "string-number",
                                "\"max_msg_fds\":\"8\"",
                                "fraction",
                                "\"max_msg_fds\":1.5",
                                "negative",
                                "\"max_msg_fds\":-1",
                                "huge",
                                "\"max_msg_fds\":99999999999999999999",
                                "no-transfer",
                                "\"max_data_xfer_size\":0",
                                "negative-transfer",
                                "\"max_data_xfer_size\":-4096",
                                "twin-socket-boolean",
                                "\"twin_socket\":true",
                                "write-multiple-number",
                                "\"write_multiple\":1"))
                .forEach((name, text) ->
                        s.shouldRaw(
                                "value-" + name,
                                "a capability with a value that makes no sense is refused: " + text,
                                t -> refused(t, json(text))));
        s.shouldRaw(
                "no-nul",
                "version data without the NUL at their end are refused",
                t -> refused(t, Bytes.of().u16(0).u16(1).text("{}")));
        s.mustRaw(
                "nested",
                "version data nested 10,000 deep do not stop the server",
                t -> {
                    var deep = json("\"colour\":" + "[".repeat(10_000) + "]".repeat(10_000));
                    survives(t, deep);
                });
        s.mustRaw(
                "utf-8",
                "version data that are not UTF-8 do not stop the server",
                t -> survives(t, Bytes.of().u16(0).u16(1).raw((byte) 0xff, (byte) 0xc0).u8(0)));
    }

    private static void order(Section s) {
        s.shouldRaw(
                "not-first",
                "another command before VERSION is refused",
                t -> t.refusedOrClosed(Requests.message(1, GET_INFO, 0, Requests.info(16).get())));
        s.shouldAlone(
                "twice",
                "a second VERSION is refused",
                t ->
                        t.refusedOrClosed(
                                Requests.message(
                                        9, VERSION, 0, Requests.version(0, 1, "{}").get())));
        s.mustRaw(
                "descriptor",
                "a descriptor with VERSION does not stop the server",
                t -> {
                    var fd = t.eventFd();
                    var payload = Requests.version(0, 1, "{}").get();
                    try {
                        t.sendRaw(Requests.message(9, VERSION, 0, payload), fd);
                        t.reply(9, VERSION);
                    } catch (Lost e) {
                        t.check(e.isClosed(), "an answer or the end", "silence");
                    }
                });
        s.mustRaw(
                "no-reply",
                "VERSION with No_reply gets no reply, or ends the connection",
                t -> {
                    t.send(VERSION, NO_REPLY, Requests.version(0, 1, "{}").get());
                    int id = t.send(GET_INFO, 0, Requests.info(16).get());
                    try {
                        t.reply(id, GET_INFO);
                    } catch (Lost e) {
                        t.check(e.isClosed(), "an answer or the end", "silence");
                    }
                });
        s.mustRaw(
                "after-refusal",
                "after a refused VERSION there is no session on that connection, but on the next",
                t -> {
                    refused(t, Requests.version(1, 0, "{}"));
                    t.connectAgain(true);
                    t.serves();
                });
    }

    private static void twinSocket(Trial t, Message reply) {
        var twin = capabilities(t, reply).get("twin_socket");
        if (twin instanceof Map<?, ?> map && Boolean.TRUE.equals(map.get("supported"))) {
            var index = map.get("fd_index");
            t.check(
                    index instanceof Number n
                            && n.intValue() >= 0
                            && n.intValue() < reply.fds().size(),
                    "fd_index of a descriptor of the reply",
                    index + ", with " + reply.fds().size() + " descriptors");
        } else {
            t.equal("descriptors:", 0, reply.fds().size());
        }
        t.serves();
    }

    private static Map<?, ?> capabilities(Trial t, Message reply) {
        var capabilities = Queries.capabilities(reply);
        t.check(capabilities != null, "JSON and a NUL", "something else");
        return capabilities == null ? Map.of() : capabilities;
    }

    private static Bytes json(String members) {
        return Requests.version(0, 1, "{\"capabilities\":{" + members + "}}");
    }

    private static void refused(Trial t, Bytes payload) {
        t.refusedOrClosed(Requests.message(1, VERSION, 0, payload.get()));
    }

    /** Any answer will do, and the end too, if the next client is served. */
    private static void survives(Trial t, Bytes payload) {
        try {
            t.answered(VERSION, payload);
        } catch (Lost e) {
            t.check(e.isClosed(), "an answer or the end", "silence");
        }
        t.connectAgain(true);
        t.serves();
    }
}
