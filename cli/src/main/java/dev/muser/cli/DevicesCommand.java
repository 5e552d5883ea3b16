package dev.muser.cli;

import dev.muser.devices.DeviceModel;
import dev.muser.devices.DeviceOption;
import dev.muser.devices.Devices;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code muser devices}. */
@Command(
        name = "devices",
        description = "List the devices that can be served, and what can be set of each.")
final class DevicesCommand extends BaseCommand implements Callable<Integer> {
    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Override
    public Integer call() {
        var out = out();
        out.print(json ? Json.print(describe(Devices.all())) + "\n" : text(Devices.all()));
        out.flush();
        return ExitCode.OK;
    }

    static String text(List<DeviceModel> models) {
        int width = models.stream().mapToInt(m -> m.name().length()).max().orElse(0);
        var text = new StringBuilder();
        for (var model : models) {
            text.append(("%-" + width + "s  %s%n").formatted(model.name(), model.summary()));
            for (var option : model.options()) {
                text.append(
                        "%s  --set %s=%s  %s; %s%n"
                                .formatted(
                                        " ".repeat(width),
                                        option.name(),
                                        option.defaultValue(),
                                        option.description(),
                                        option.accepts()));
            }
        }
        return text.toString();
    }

    static Object describe(List<DeviceModel> models) {
        return models.stream()
                .map(model -> {
                    var map = new LinkedHashMap<String, Object>();
                    map.put("name", model.name());
                    map.put("summary", model.summary());
                    map.put(
                            "options",
                            model.options().stream().map(DevicesCommand::describe).toList());
                    return map;
                })
                .toList();
    }

    private static Map<String, Object> describe(DeviceOption option) {
        var map = new LinkedHashMap<String, Object>();
        map.put("name", option.name());
        map.put("description", option.description());
        map.put("default", option.defaultValue());
        map.put("accepts", option.accepts());
        return map;
    }
}
