package dev.muser.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * A user of this machine, by {@code /etc/passwd} and {@code /etc/group} ({@code passwd(5)}, {@code
 * group(5)}), or by number.
 *
 * @param groups supplementary ones
 */
record UserAccount(int uid, int gid, Set<Integer> groups) {
    private static final long NO_ID = 0xffff_ffffL; // (uid_t) -1 means to leave it as it is

    /**
     * Reads {@code NAME}, {@code UID} or {@code UID:GID}; with numbers alone there are no
     * supplementary groups.
     *
     * @throws IllegalArgumentException with what is wrong
     */
    static UserAccount parse(String text, List<String> passwd, List<String> group) {
        int colon = text.indexOf(':');
        if (colon >= 0) {
            return new UserAccount(
                    id(text.substring(0, colon), text),
                    id(text.substring(colon + 1), text),
                    Set.of());
        }
        boolean number = !text.isEmpty() && text.chars().allMatch(c -> c >= '0' && c <= '9');
        var entry = find(passwd, number ? 2 : 0, text);
        if (entry == null) {
            throw new IllegalArgumentException(
                    number
                            ? "'%s' is not in /etc/passwd: say UID:GID".formatted(text)
                            : "there is no user '%s' in /etc/passwd: say UID:GID".formatted(text));
        }
        return new UserAccount(
                id(entry[2], text),
                id(entry[3], text),
                number ? Set.of() : groupsOf(entry[0], group));
    }

    private static String @Nullable [] find(List<String> passwd, int field, String value) {
        return fields(passwd)
                .filter(fields -> fields.length >= 4 && fields[field].equals(value))
                .findFirst()
                .orElse(null);
    }

    private static Set<Integer> groupsOf(String name, List<String> group) {
        var groups = new TreeSet<Integer>();
        fields(group)
                .filter(f -> f.length >= 4 && List.of(f[3].split(",", -1)).contains(name))
                .forEach(f -> groups.add(id(f[2], f[2])));
        return groups;
    }

    private static Stream<String[]> fields(List<String> lines) {
        return lines.stream().map(line -> line.split(":", -1));
    }

    private static int id(String digits, String all) {
        try {
            long id = Long.parseLong(digits);
            if (id >= 0 && id < NO_ID) {
                return (int) id;
            }
        } catch (NumberFormatException e) {
            // the same message
        }
        throw new IllegalArgumentException("'%s' is not NAME, UID or UID:GID".formatted(all));
    }

    static final class Converter implements ITypeConverter<UserAccount> {
        @Override
        public UserAccount convert(String text) {
            try {
                return parse(text, lines("/etc/passwd"), lines("/etc/group"));
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(String.valueOf(e.getMessage()));
            }
        }

        private static List<String> lines(String file) {
            try {
                return Files.readAllLines(Path.of(file), StandardCharsets.ISO_8859_1);
            } catch (IOException e) {
                return List.of(); // as in a container that has no users
            }
        }
    }
}
