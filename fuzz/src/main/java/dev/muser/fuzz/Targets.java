package dev.muser.fuzz;

import dev.muser.device.pci.DeviceContext;
import dev.muser.devices.conformance.Conformance;
import dev.muser.devices.edu.Edu;
import dev.muser.devices.idio16.Idio16;
import dev.muser.devices.idio16.InputPattern;
import dev.muser.devices.timer.TimerDevice;
import dev.muser.protocol.MessageTarget;
import dev.muser.protocol.VersionTarget;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** The targets by name. */
enum Targets {
    MESSAGES,
    VERSION,
    SESSION,
    CONFIG,
    EDU,
    IDIO16,
    CONFORMANCE,
    TIMER,
    NVME,
    STATE,
    MIGRATION,
    NBD;

    private static TimerDevice timer(DeviceContext ctx) {
        var clock = InstantSource.fixed(Instant.ofEpochSecond(1000));
        return new TimerDevice(ctx, clock, _ -> {}); // memory is whatever the input says
    }

    Target make() {
        return switch (this) {
            case MESSAGES -> new MessageTarget();
            case VERSION -> new VersionTarget();
            case SESSION -> new SessionTarget();
            case CONFIG -> new ConfigTarget();
            case EDU -> new DeviceTarget(Edu::new);
            case IDIO16 -> new DeviceTarget(ctx -> new Idio16(ctx, InputPattern.LOOPBACK));
            case CONFORMANCE -> new DeviceTarget(Conformance::new);
            case TIMER -> new DeviceTarget(Targets::timer);
            case NVME -> new NvmeTarget();
            case STATE -> new StateTarget();
            case MIGRATION -> new MigrationTarget(Targets::timer);
            case NBD -> new NbdTarget();
        };
    }

    String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    static Targets of(String label) {
        return Arrays.stream(values())
                .filter(target -> target.label().equals(label))
                .findFirst()
                .orElseThrow(() ->
                        new IllegalArgumentException(
                                "no target '%s': there are %s".formatted(label, labels())));
    }

    static List<String> labels() {
        return Arrays.stream(values()).map(Targets::label).toList();
    }
}
