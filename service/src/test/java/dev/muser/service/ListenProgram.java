package dev.muser.service;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Writes down what it was started with. */
public final class ListenProgram {
    private ListenProgram() {}

    public static void main(String[] arguments) throws Exception {
        try (var manager = ServiceManager.fromEnvironment()) {
            Files.write(
                    Path.of(arguments[0]),
                    List.of(
                            "kept " + manager.store().names(),
                            "listening "
                                    + manager.listening().stream()
                                            .map(NamedDescriptor::name)
                                            .toList(),
                            "lifeline " + (manager.lifeline() != null),
                            "standby " + (manager.standby() != null),
                            "watchdog " + manager.watchdogInterval()));
        }
    }
}
