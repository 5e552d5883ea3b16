package dev.muser.cli;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.text.MessageFormat;
import java.util.Locale;
import java.util.MissingResourceException;
import java.util.ResourceBundle;
import org.jspecify.annotations.Nullable;

/**
 * What the modules log goes to standard error, one line for each event:
 *
 * <pre>
 * muser: warning: refused a client of user 1001
 * </pre>
 *
 * <p>It stands in for {@code java.util.logging}, which costs every start some 20 ms.
 */
public final class OneLineLoggers extends System.LoggerFinder {
    private static volatile Level threshold = Level.WARNING;

    /** Sets how much is logged: 0 warnings, 1 information too, 2 all. */
    static void verbosity(int v) {
        threshold = v == 0 ? Level.WARNING : v == 1 ? Level.INFO : Level.ALL;
    }

    @Override
    public Logger getLogger(String name, Module module) {
        return new OneLine(name);
    }

    static String format(Level level, String message, @Nullable Throwable thrown) {
        var line = new StringBuilder("muser: ");
        line.append(level.name().toLowerCase(Locale.ROOT)).append(": ").append(message);
        if (thrown != null) {
            line.append(": ").append(thrown);
        }
        for (int i = 0; i < line.length(); i++) {
            if (Character.isISOControl(line.charAt(i))) {
                line.setCharAt(i, ' '); // what a guest names must not make lines of its own
            }
        }
        return line.toString();
    }

    private record OneLine(String name) implements Logger {

        @Override
        public String getName() {
            return name;
        }

        @Override
        public boolean isLoggable(Level level) {
            return level.getSeverity() >= threshold.getSeverity() && level != Level.OFF;
        }

        @Override
        public void log(
                Level level,
                @Nullable ResourceBundle bundle,
                @Nullable String message,
                @Nullable Throwable thrown) {
            if (!isLoggable(level)) {
                return;
            }
            System.err.println(format(level, localised(bundle, message), thrown));
            if (thrown != null && System.getenv(Main.DEBUG) != null) {
                thrown.printStackTrace();
            }
        }

        @Override
        public void log(
                Level level,
                @Nullable ResourceBundle bundle,
                @Nullable String format,
                @Nullable Object... parameters) {
            if (!isLoggable(level)) {
                return;
            }
            var text = localised(bundle, format);
            if (parameters != null && parameters.length > 0) {
                text = MessageFormat.format(text, parameters);
            }
            System.err.println(format(level, text, null));
        }

        private static String localised(@Nullable ResourceBundle bundle, @Nullable String key) {
            if (bundle == null || key == null) {
                return String.valueOf(key);
            }
            try {
                return bundle.getString(key);
            } catch (MissingResourceException e) {
                return key;
            }
        }
    }
}
