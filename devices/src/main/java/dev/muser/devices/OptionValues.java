package dev.muser.devices;

import java.util.Map;

/** The values of a device's options: every option has one, and it is valid. */
public final class OptionValues {
    private final Map<String, String> values;

    OptionValues(Map<String, String> values) {
        this.values = Map.copyOf(values);
    }

    /**
     * @throws IllegalArgumentException when the device declares no such option
     */
    public String text(String name) {
        var value = values.get(name);
        if (value == null) {
            throw new IllegalArgumentException("no option " + name + " was declared");
        }
        return value;
    }

    /** Returns the value of an option declared by {@link DeviceOption#integer}. */
    public long integer(String name) {
        return Long.decode(text(name));
    }

    /** Returns the value of an option declared by {@link DeviceOption#flag}. */
    public boolean flag(String name) {
        return Boolean.parseBoolean(text(name));
    }
}
