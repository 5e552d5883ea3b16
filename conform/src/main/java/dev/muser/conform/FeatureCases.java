package dev.muser.conform;

import static dev.muser.conform.Command.*;
import static dev.muser.conform.Features.*;

import java.util.Arrays;

/** "VFIO_USER_DEVICE_FEATURE": probing, and how features are asked for. */
final class FeatureCases {
    static final int[] KNOWN = {
        MIGRATION, MIG_DEVICE_STATE, LOGGING_START, LOGGING_STOP, LOGGING_REPORT
    };

    private FeatureCases() {}

    static Section section() {
        var s = new Section("device-feature");
        s.must(
                "probe",
                "a probe that succeeds has the request as its reply",
                t -> {
                    t.need(!t.device().features.isEmpty(), "no features");
                    for (int feature : t.device().features) {
                        var request = Requests.feature(8, feature, PROBE);
                        var reply = t.acceptedWith(8, FEATURE, request);
                        t.check(
                                Arrays.equals(reply.payload(0), request.get()),
                                Hex.of(request.get()),
                                Hex.of(reply.payload(0)));
                    }
                });
        probes(s, "migration", MIGRATION, GET, SET);
        probes(s, "device-state", MIG_DEVICE_STATE, GET | SET, 0);
        probes(s, "logging-start", LOGGING_START, SET, GET);
        probes(s, "logging-stop", LOGGING_STOP, SET, GET);
        probes(s, "logging-report", LOGGING_REPORT, GET, SET);
        s.must(
                "migration",
                "MIGRATION says STOP_COPY at least",
                t -> {
                    t.need(t.device().features.contains(MIGRATION), "no migration");
                    var reply = t.acceptedWith(16, FEATURE, Requests.feature(16, MIGRATION, GET));
                    t.equal("argsz", 16, reply.u32(0));
                    t.equal("flags", MIGRATION | GET, reply.u32(4));
                    long flags = reply.u64(8);
                    t.check((flags & STOP_COPY_FLAG) != 0, "flag 1", "0x%x".formatted(flags));
                    t.prefer(
                            (flags & ~(STOP_COPY_FLAG | PRE_COPY_FLAG)) == 0,
                            "no flags beyond 1 and 4: peer to peer is not used in vfio-user",
                            "0x%x".formatted(flags));
                });
        s.should(
                "argsz",
                "argsz less than the reply needs is refused",
                t -> {
                    t.need(t.device().features.contains(MIGRATION), "no migration");
                    t.refused(FEATURE, Requests.feature(15, MIGRATION, GET));
                });
        for (int feature : new int[] {0, 3, 0xffff}) {
            s.must(
                    "unknown-" + feature,
                    "feature %d is refused".formatted(feature),
                    t -> {
                        t.refused(FEATURE, Requests.feature(64, feature, PROBE | GET));
                        t.refused(FEATURE, Requests.feature(64, feature, GET));
                        t.refused(FEATURE, Requests.feature(8, feature, SET));
                    });
        }
        s.must(
                "get-and-set",
                "GET and SET together are refused without PROBE",
                t ->
                        t.refused(
                                FEATURE,
                                Requests.feature(64, MIG_DEVICE_STATE, GET | SET)
                                        .u32(RUNNING)
                                        .u32(0)));
        s.should(
                "no-method",
                "neither GET nor SET nor PROBE is refused",
                t -> t.refused(FEATURE, Requests.feature(64, MIGRATION, 0)));
        s.should(
                "flag",
                "a flag that does not exist is refused",
                t -> t.refused(FEATURE, Requests.feature(64, MIGRATION, GET | 1 << 19)));
        s.tooShort(FEATURE, Requests.feature(8, MIGRATION, PROBE));
        s.argszTooSmall(FEATURE, Requests.feature(8, MIGRATION, PROBE));
        return s;
    }

    private static void probes(Section s, String name, int feature, int has, int hasNot) {
        s.must(
                "probe-" + name,
                "feature %d is probed with the methods that it has, and not with others"
                        .formatted(feature),
                t -> {
                    t.need(t.device().features.contains(feature), "no feature " + feature);
                    t.acceptedWith(8, FEATURE, Requests.feature(8, feature, PROBE | has));
                    if (hasNot != 0) {
                        t.refused(FEATURE, Requests.feature(8, feature, PROBE | hasNot));
                        t.refused(FEATURE, Requests.feature(8, feature, PROBE | GET | SET));
                    }
                });
    }
}
