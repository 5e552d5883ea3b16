package dev.muser.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** {@code NAME=VALUE} on a command line. */
record Setting(String name, String value) {

    /** Returns the values by name. Of several values for one name the last counts. */
    static Map<String, String> map(List<Setting> settings) {
        var map = new LinkedHashMap<String, String>();
        settings.forEach(setting -> map.put(setting.name, setting.value));
        return map;
    }

    static final class Converter implements ITypeConverter<Setting> {
        @Override
        public Setting convert(String text) {
            int equals = text.indexOf('=');
            if (equals < 1) {
                throw new TypeConversionException("'%s' is not NAME=VALUE".formatted(text));
            }
            return new Setting(text.substring(0, equals), text.substring(equals + 1));
        }
    }
}
