package dev.muser.testkit.streams;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** All samples, and how their streams are stored. */
final class Samples {
    static final List<Sample> ALL = List.of(new EduSample(), new Idio16Sample(), new NvmeSample());

    private Samples() {}

    /** Writes streams of this build into a folder. */
    static void main(String[] arguments) throws IOException {
        var folder = Files.createDirectories(Path.of(arguments[0]));
        for (var sample : ALL) {
            Files.write(folder.resolve(sample.name() + ".stream"), sample.make());
        }
    }
}
