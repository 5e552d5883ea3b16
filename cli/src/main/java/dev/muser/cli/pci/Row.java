package dev.muser.cli.pci;

/**
 * One register in words.
 *
 * @param label the register's name
 * @param text what it says
 */
// The annotation would make Error Prone a dependency at run time.
@SuppressWarnings("AnnotateFormatMethod")
public record Row(String label, String text) {

    /** A register of flags: each name has a plus behind it when its bit is set, else a minus. */
    static Row flags(String label, long value, Flag... flags) {
        var text = new StringBuilder();
        for (var flag : flags) {
            if (!text.isEmpty()) {
                text.append(' ');
            }
            text.append(flag.name()).append((value >>> flag.bit() & 1) != 0 ? '+' : '-');
        }
        return new Row(label, text.toString());
    }

    /** This row with more said behind. */
    Row and(String format, Object... arguments) {
        return new Row(label, text + " " + format.formatted(arguments));
    }

    static Row of(String label, String format, Object... arguments) {
        return new Row(label, format.formatted(arguments));
    }

    record Flag(int bit, String name) {}

    /** Names bits: {@code flags("0 I/O", "1 Mem")}. */
    static Flag[] named(String... bitsAndNames) {
        var flags = new Flag[bitsAndNames.length];
        for (int i = 0; i < flags.length; i++) {
            int space = bitsAndNames[i].indexOf(' ');
            flags[i] =
                    new Flag(
                            Integer.parseInt(bitsAndNames[i].substring(0, space)),
                            bitsAndNames[i].substring(space + 1));
        }
        return flags;
    }
}
