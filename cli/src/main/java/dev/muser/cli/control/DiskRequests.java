package dev.muser.cli.control;

import dev.muser.cli.UserError;
import dev.muser.cli.disk.AddedNamespaces;
import dev.muser.cli.disk.DiskSpec;
import dev.muser.cli.disk.NvmeDisk;
import dev.muser.device.VfioDevice;
import dev.muser.devices.nvme.Nvme;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * What can be asked of a disk.
 *
 * <pre>
 * {"command":"inspect"}                                   what it is, and what it is doing
 * {"command":"list"}                                      its namespaces
 * {"command":"add","namespace":"file=/b.img,size=10G"}    adds one; its identifier comes back
 * {"command":"remove","id":2}                             removes one
 * </pre>
 *
 * <p>Reports come as {@code text} for people and {@code json} for programs; what cannot be done as
 * {@code error}.
 */
public final class DiskRequests implements UnaryOperator<Map<String, Object>> {
    private final NvmeDisk disk;
    private final String owner;
    private final Function<VfioDevice, Map<String, Object>> inspector;
    private final AddedNamespaces added;

    /**
     * @param owner as for {@link DiskSpec#identity}
     * @param added notes what operators add
     * @param inspector reports what the PCI device is, on the loop's thread
     */
    public DiskRequests(
            NvmeDisk disk,
            String owner,
            AddedNamespaces added,
            Function<VfioDevice, Map<String, Object>> inspector) {
        this.added = added;
        this.disk = disk;
        this.owner = owner;
        this.inspector = inspector;
    }

    @Override
    public Map<String, Object> apply(Map<String, Object> request) {
        return switch (text(request, "command")) {
            case "inspect" -> inspect();
            case "list" -> list();
            case "add" -> add(text(request, "namespace"));
            case "remove" -> remove(request.get("id"));
            default -> throw new UserError("no such command: inspect, list, add and remove are");
        };
    }

    private Map<String, Object> inspect() {
        var report = new LinkedHashMap<String, Object>();
        disk.onLoop((device, nvme) -> {
            var status = nvme.describe();
            report.putAll(inspector.apply(device));
            report.put("text", report.get("text") + StatusText.of(status));
            var json = new LinkedHashMap<String, Object>();
            if (report.get("json") instanceof Map<?, ?> pci) {
                pci.forEach((key, value) -> json.put(String.valueOf(key), value));
            }
            json.put("nvme", StatusJson.of(status));
            report.put("json", json);
        });
        return report;
    }

    private Map<String, Object> list() {
        var report = new LinkedHashMap<String, Object>();
        disk.onLoop((device, nvme) -> {
            var status = nvme.describe();
            report.put("text", StatusText.namespaces(status));
            report.put("json", StatusJson.namespaces(status));
        });
        return report;
    }

    private synchronized Map<String, Object> add(String text) {
        var name = added.owner(owner);
        var options = added.open(name, text);
        var id = new int[1];
        var served = new HashSet<UUID>();
        try {
            disk.onLoop((device, nvme) -> {
                try {
                    id[0] = nvme.addNamespace(options);
                } catch (RuntimeException e) {
                    options.storage().close();
                    throw e;
                }
                collect(nvme, served);
            });
        } catch (IllegalStateException e) { // there are too many, or it has ended
            throw new UserError(String.valueOf(e.getMessage()));
        }
        added.add(options.uuid(), name, text, served);
        return Map.of("id", id[0]);
    }

    private static void collect(Nvme nvme, Set<UUID> served) {
        nvme.describe().namespaces().forEach(namespace -> served.add(namespace.uuid()));
    }

    private Map<String, Object> remove(@Nullable Object id) {
        if (!(id instanceof Integer number)) {
            throw new UserError("'id' is missing, or not the number of a namespace");
        }
        var served = new HashSet<UUID>();
        disk.onLoop((device, nvme) -> {
            nvme.removeNamespace(number);
            collect(nvme, served);
        });
        added.retain(served);
        return Map.of("id", number);
    }

    private static String text(Map<String, Object> request, String key) {
        if (request.get(key) instanceof String value) {
            return value;
        }
        throw new UserError("'%s' is missing".formatted(key));
    }
}
