package dev.muser.conform;

import static dev.muser.conform.Command.*;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.jr.ob.JSON;

/** Asks a server what it has. Takes what it gets: other cases look at how it is said. */
final class Queries {
    /** More than PCI has, so that a wrong count does not make thousands of requests. */
    private static final int ENOUGH = 64;

    private Queries() {}

    static void run(Trial t) {
        var device = t.device();
        var version = t.negotiate();
        device.negotiated = true;
        var capabilities = capabilities(version);
        t.check(capabilities != null, "JSON and a NUL", "something else");
        device.capabilities = capabilities == null ? Map.of() : capabilities;
        var info = answer(t, GET_INFO, Requests.info(16), 16);
        t.check(info != null, "what the device is", "no such thing");
        if (info == null) {
            return;
        }
        device.flags = info.u32(4);
        device.regionCount = info.u32(8);
        device.irqCount = info.u32(12);
        device.regions.clear();
        device.irqs.clear();
        for (int i = 0; i < Math.min(ENOUGH, device.regionCount); i++) {
            var reply = answer(t, GET_REGION_INFO, Requests.regionInfo(4096, i), 32);
            device.regions.add(
                    reply == null
                            ? new Device.Region(i, 0, 0, 32)
                            : new Device.Region(i, reply.u32(4), reply.u64(16), reply.u32(0)));
        }
        for (int i = 0; i < Math.min(ENOUGH, device.irqCount); i++) {
            var reply = answer(t, GET_IRQ_INFO, Requests.irqInfo(16, i), 16);
            device.irqs.add(
                    reply == null
                            ? new Device.Irq(i, 0, 0)
                            : new Device.Irq(i, reply.u32(4), reply.u32(12)));
        }
        for (int feature : FeatureCases.KNOWN) {
            if (answer(t, FEATURE, Requests.feature(8, feature, Features.PROBE), 0) != null) {
                device.features.add(feature);
            }
        }
        var migration =
                answer(t, FEATURE, Requests.feature(16, Features.MIGRATION, Features.GET), 16);
        device.migrationFlags = migration == null ? 0 : migration.u64(8);
    }

    /** Returns the next reply, whatever its header; null for an error, or one that is too short. */
    private static @Nullable Message answer(Trial t, int command, Bytes payload, int length) {
        t.send(command, 0, payload.get());
        var reply = t.receive();
        return reply.isError() || reply.length() < length ? null : reply;
    }

    /** Returns the capabilities of a VERSION reply; null when its JSON is not sound. */
    static @Nullable Map<?, ?> capabilities(Message reply) {
        if (reply.length() <= 4) {
            return Map.of();
        }
        var bytes = reply.payload(4);
        if (bytes[bytes.length - 1] != 0) {
            return null;
        }
        try {
            var text = new String(bytes, 0, bytes.length - 1, StandardCharsets.UTF_8);
            var capabilities = JSON.std.mapFrom(text).getOrDefault("capabilities", Map.of());
            return capabilities instanceof Map<?, ?> map ? map : null;
        } catch (JacksonException e) {
            return null;
        }
    }
}
