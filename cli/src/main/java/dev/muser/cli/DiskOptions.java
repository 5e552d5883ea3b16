package dev.muser.cli;

import dev.muser.cli.disk.DiskKey;
import dev.muser.devices.DeviceOption;
import dev.muser.devices.NvmeModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.ArgGroupSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/**
 * The options of disks. They are made without annotations, and only for the command lines that can
 * have them: both would cost every other start some 50 ms.
 */
final class DiskOptions {
    private static final String NAMESPACE = "--namespace";
    static final String NO_CONTROL = "--no-control";
    static final String INCOMING = "--incoming";

    private DiskOptions() {}

    /** Adds what {@code muser serve nvme} takes. */
    static void addToServe(CommandSpec spec) {
        addNamespace(spec, "nvme: ");
        var controller = new ArrayList<OptionSpec>();
        controller.add(
                OptionSpec.builder(NAMESPACE)
                        .paramLabel("KEY=VALUE,...")
                        .type(List.class)
                        .auxiliaryTypes(String.class)
                        .description(
                                "One more namespace, by the names of the options above:"
                                    + " 'file=b.img,size=10G,block-size=4096,read-only'. A comma in"
                                    + " a value is doubled. May be repeated.")
                        .build());
        for (var option : NvmeModel.controllerOptions()) {
            controller.add(controllerOption(option));
        }
        controller.add(
                OptionSpec.builder(NO_CONTROL)
                        .type(boolean.class)
                        .arity("0")
                        .description(
                                "Leave PATH.control away: the socket of 'muser namespace', by which"
                                        + " 'muser inspect' looks at a disk that is in use.")
                        .build());
        controller.add(
                OptionSpec.builder(INCOMING)
                        .type(boolean.class)
                        .arity("0")
                        .description(
                                "The disk is at another server, and is to move in ('muser"
                                        + " migrate'): images are locked when it goes on here, and"
                                        + " until then no driver can enable it.")
                        .build());
        addGroup(spec, "nvme: the controller", controller);
    }

    /** Adds what describes one namespace. */
    static void addNamespace(CommandSpec spec, String prefix) {
        for (var topic : DiskKey.Topic.values()) {
            addGroup(
                    spec,
                    prefix + topic.heading(),
                    Arrays.stream(DiskKey.values())
                            .filter(key -> key.topic() == topic)
                            .map(DiskOptions::option)
                            .toList());
        }
    }

    private static void addGroup(CommandSpec spec, String heading, List<OptionSpec> options) {
        var group =
                ArgGroupSpec.builder()
                        .heading("%n" + heading + ":%n")
                        .validate(false)
                        .order(spec.argGroups().size());
        options.forEach(group::addArg);
        spec.addArgGroup(group.build());
    }

    private static OptionSpec option(DiskKey key) {
        var option = OptionSpec.builder(key.option()).description(key.description());
        if (key.isFlag()) {
            return option.type(boolean.class).arity("0").build();
        }
        if (key == DiskKey.ENGINE) {
            option.completionCandidates(List.of("auto", "uring", "threads"));
        }
        return option.type(String.class).paramLabel(key.label()).build();
    }

    private static OptionSpec controllerOption(DeviceOption option) {
        var fallback = option.defaultValue();
        var spec =
                OptionSpec.builder("--" + option.name())
                        .type(String.class)
                        .paramLabel(option.name().toUpperCase(Locale.ROOT))
                        .description(
                                "%s: %s. %s unless given."
                                        .formatted(
                                                option.description(),
                                                option.accepts(),
                                                fallback.isEmpty()
                                                        ? "Made from the first image's path"
                                                        : "'" + fallback + "'"));
        if (NvmeModel.DOORBELLS.equals(option.name())) {
            spec.paramLabel("HOW").completionCandidates(NvmeModel.DOORBELL_WORDS);
        }
        return spec.build();
    }

    /** Returns the names of all these options. */
    private static Stream<String> names() {
        return Stream.concat(
                Stream.concat(
                        Arrays.stream(DiskKey.values()).map(DiskKey::option),
                        NvmeModel.controllerOptions().stream().map(o -> "--" + o.name())),
                Stream.of(NAMESPACE, NO_CONTROL, INCOMING));
    }

    /** Whether {@code word} is one of these options, maybe with its value. */
    static boolean isOne(String word) {
        int equals = word.indexOf('=');
        var name = equals < 0 ? word : word.substring(0, equals);
        return names().anyMatch(name::equals);
    }

    /** Returns the first of these options that was given; null without. */
    static @Nullable String firstGiven(ParseResult parsed) {
        return names().filter(parsed::hasMatchedOption).findFirst().orElse(null);
    }

    /** Returns what was said of the first namespace. */
    static Map<DiskKey, String> first(ParseResult parsed) {
        var values = new EnumMap<DiskKey, String>(DiskKey.class);
        for (var key : DiskKey.values()) {
            if (parsed.hasMatchedOption(key.option())) {
                values.put(key, key.isFlag() ? "" : text(parsed, key.option()));
            }
        }
        return values;
    }

    /** Returns the texts of further namespaces. */
    static List<String> further(ParseResult parsed) {
        return parsed.matchedOptionValue(NAMESPACE, List.of());
    }

    /** Returns what was said of the controller, by the names of the device's options. */
    static Map<String, String> controller(ParseResult parsed) {
        var values = new LinkedHashMap<String, String>();
        for (var option : NvmeModel.controllerOptions()) {
            var name = "--" + option.name();
            if (parsed.hasMatchedOption(name)) {
                values.put(option.name(), text(parsed, name));
            }
        }
        return values;
    }

    private static String text(ParseResult parsed, String option) {
        return parsed.matchedOptionValue(option, "");
    }
}
