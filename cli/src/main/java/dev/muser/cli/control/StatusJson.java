package dev.muser.cli.control;

import dev.muser.devices.nvme.NvmeStatus;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What a controller is doing, for programs. */
final class StatusJson {
    private StatusJson() {}

    static Map<String, Object> of(NvmeStatus status) {
        var map = new LinkedHashMap<String, Object>();
        map.put("serial", status.serial());
        map.put("model", status.model());
        map.put("state", word(status.state()));
        map.put("doorbells", word(status.doorbell()));
        map.put("shadowDoorbells", status.shadowed());
        map.put("awake", status.awake());
        map.put("commandsUnderWay", status.commandsUnderWay());
        map.put("namespaces", namespaces(status));
        map.put(
                "submissionQueues",
                status.submissionQueues().stream().map(StatusJson::submissions).toList());
        map.put(
                "completionQueues",
                status.completionQueues().stream().map(StatusJson::completions).toList());
        return map;
    }

    static List<Map<String, Object>> namespaces(NvmeStatus status) {
        return status.namespaces().stream().map(StatusJson::namespace).toList();
    }

    private static Map<String, Object> namespace(NvmeStatus.NamespaceStatus n) {
        var map = new LinkedHashMap<String, Object>();
        map.put("id", n.id());
        map.put("size", n.size());
        map.put("blockSize", n.blockSize());
        map.put("attached", n.attached());
        map.put("readOnly", n.readOnly());
        map.put("formatting", n.formatting());
        map.put("uuid", n.uuid().toString());
        map.put("description", n.description());
        var counters = n.counters();
        map.put("readCommands", counters.readCommands());
        map.put("bytesRead", counters.bytesRead());
        map.put("writeCommands", counters.writeCommands());
        map.put("bytesWritten", counters.bytesWritten());
        return map;
    }

    private static Map<String, Object> submissions(NvmeStatus.SubmissionQueueStatus q) {
        var map = new LinkedHashMap<String, Object>();
        map.put("id", q.id());
        map.put("entries", q.size());
        map.put("completionQueue", q.completionQueue());
        map.put("priority", q.priority());
        map.put("head", q.head());
        map.put("tail", q.tail());
        map.put("waiting", q.waiting());
        map.put("underWay", q.underWay());
        return map;
    }

    private static Map<String, Object> completions(NvmeStatus.CompletionQueueStatus q) {
        var map = new LinkedHashMap<String, Object>();
        map.put("id", q.id());
        map.put("entries", q.size());
        map.put("interrupts", q.interrupts());
        map.put("vector", q.vector());
        map.put("head", q.head());
        map.put("tail", q.tail());
        map.put("waiting", q.waiting());
        return map;
    }

    static String word(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }
}
