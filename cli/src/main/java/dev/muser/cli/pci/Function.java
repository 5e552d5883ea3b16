package dev.muser.cli.pci;

import java.util.List;

/**
 * A function's configuration space in words.
 *
 * @param vendor vendor ID
 * @param device device ID
 * @param revision revision ID
 * @param classCode class, subclass and programming interface, 24 bits
 * @param className the class in words
 * @param header what the header's registers say
 * @param capabilities in the order of their list, the extended ones last
 * @param problems what is wrong with the space
 */
public record Function(
        int vendor,
        int device,
        int revision,
        int classCode,
        String className,
        List<Row> header,
        List<Structure> capabilities,
        List<String> problems) {

    public Function {
        header = List.copyOf(header);
        capabilities = List.copyOf(capabilities);
        problems = List.copyOf(problems);
    }
}
