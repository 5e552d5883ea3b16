package dev.muser;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The house's rule: arrows between modules point down only (docs/architecture.md, "Modules"). */
final class HouseTest {
    /** From the ground up; modules of one floor do not know each other. */
    private static final List<Set<String>> FLOORS =
            List.of(
                    Set.of("linux"),
                    Set.of("service", "protocol", "conform"),
                    Set.of("device", "keeper"),
                    Set.of("server", "client", "devices"),
                    Set.of("testkit"),
                    Set.of("bench"),
                    Set.of("cli"));

    private static final Pattern MODULE = Pattern.compile("module\\s+dev\\.muser\\.(\\w+)\\s*\\{");
    private static final Pattern REQUIRES =
            Pattern.compile("requires\\s+(?:(?:static|transitive)\\s+)*dev\\.muser\\.(\\w+)\\s*;");

    private static final Map<String, Set<String>> REQUIRED = read();

    private static Map<String, Set<String>> read() {
        var required = new TreeMap<String, Set<String>>();
        try (var folders = Files.newDirectoryStream(Path.of(".."))) {
            for (var folder : folders) {
                var info = folder.resolve("src/main/java/module-info.java");
                if (Files.exists(info)) {
                    var text = Files.readString(info);
                    var module = MODULE.matcher(text);
                    assertThat(module.find()).as("a module of ours in %s", info).isTrue();
                    var names = new HashSet<String>();
                    var requires = REQUIRES.matcher(text);
                    while (requires.find()) {
                        names.add(requires.group(1));
                    }
                    required.put(module.group(1), names);
                }
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return required;
    }

    private static int floor(String module) {
        for (int i = 0; i < FLOORS.size(); i++) {
            if (FLOORS.get(i).contains(module)) {
                return i;
            }
        }
        throw new AssertionError("module " + module + " has no floor: give it one, here");
    }

    @Test
    void shouldFindTheModulesOfTheReactor() throws IOException {
        var pom = Files.readString(Path.of("../pom.xml"));
        var modules = Pattern.compile("<module>(\\w+)</module>").matcher(pom);
        var names = new ArrayList<String>();
        while (modules.find()) {
            names.add(modules.group(1));
        }
        assertThat(names).isNotEmpty();
        // the fuzzer is on the class path, which has no modules
        names.remove("fuzz");
        assertThat(REQUIRED.keySet()).containsExactlyInAnyOrderElementsOf(names);
    }

    @Test
    void shouldOnlyRequireModulesOfFloorsBelow() {
        REQUIRED.forEach((module, required) ->
                assertThat(required)
                        .as("what %s requires", module)
                        .allMatch(below -> floor(below) < floor(module)));
    }

    @Test
    void shouldHaveDevicesDependOnTheDeviceModuleAlone() {
        assertThat(REQUIRED.get("devices")).containsExactly("device");
    }

    @Test
    void shouldHaveTheConformanceTestKnowNeitherServerNorClientNorTheirProtocol() {
        assertThat(REQUIRED.get("conform")).containsExactly("linux");
    }

    @Test
    void shouldHaveTheProtocolDependOnNoneOfOurs() {
        assertThat(REQUIRED.get("protocol")).isEmpty();
    }
}
