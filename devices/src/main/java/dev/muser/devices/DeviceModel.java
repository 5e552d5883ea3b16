package dev.muser.devices;

import dev.muser.device.pci.DeviceFactory;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * A device that can be started by its name.
 *
 * @param name as it is typed
 * @param summary what it is, in one line
 * @param options what can be chosen about it
 * @param maker gives the factory for chosen values
 */
public record DeviceModel(
        String name,
        String summary,
        List<DeviceOption> options,
        Function<OptionValues, DeviceFactory> maker) {

    public DeviceModel {
        options = List.copyOf(options);
    }

    /** A device without options. */
    public static DeviceModel of(String name, String summary, DeviceFactory factory) {
        return new DeviceModel(name, summary, List.of(), values -> factory);
    }

    /**
     * Returns a factory of such devices.
     *
     * @param chosen values by the names of the options; the others have their defaults
     * @throws IllegalArgumentException when there is no such option, or a value is not valid
     */
    public DeviceFactory factory(Map<String, String> chosen) {
        return maker.apply(values(chosen));
    }

    /**
     * Returns the values of all options.
     *
     * @param chosen as for {@link #factory}
     * @throws IllegalArgumentException likewise
     */
    public OptionValues values(Map<String, String> chosen) {
        for (var name : chosen.keySet()) {
            if (options.stream().noneMatch(option -> option.name().equals(name))) {
                throw new IllegalArgumentException(
                        "device %s has no option '%s': it %s"
                                .formatted(this.name, name, optionNames()));
            }
        }
        var values = new HashMap<String, String>();
        for (var option : options) {
            var value = chosen.getOrDefault(option.name(), option.defaultValue());
            if (!option.valid().test(value)) {
                throw new IllegalArgumentException(
                        "option %s of device %s: '%s' is not %s"
                                .formatted(option.name(), name, value, option.accepts()));
            }
            values.put(option.name(), value);
        }
        return new OptionValues(values);
    }

    private String optionNames() {
        return options.isEmpty()
                ? "has none"
                : "has "
                        + options.stream()
                                .map(DeviceOption::name)
                                .collect(Collectors.joining(", "));
    }
}
