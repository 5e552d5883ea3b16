package dev.muser.devices.idio16;

/** What the inputs of a board without wires show. */
@FunctionalInterface
public interface InputPattern {
    /**
     * Returns the 16 inputs; always the same for the same arguments, which are what the board
     * remembers.
     *
     * @param outputs the 16 outputs
     * @param samples how often the driver has read inputs
     */
    int inputs(int outputs, int samples);

    /** Each input is wired to the output of its number. */
    InputPattern LOOPBACK = (outputs, samples) -> outputs;

    /** As {@link #LOOPBACK}, inverted. */
    InputPattern INVERTED = (outputs, samples) -> ~outputs & 0xffff;

    /** The inputs count up, by one every third time that they are read. */
    InputPattern COUNTER = (outputs, samples) -> (samples / 3) & 0xffff;

    /** The inputs stay as they are. */
    static InputPattern constant(int value) {
        return (outputs, samples) -> value & 0xffff;
    }

    /**
     * Returns the pattern of a name: loopback, inverted, counter, or a number for a constant.
     *
     * @throws IllegalArgumentException when it is none of these, or not in 0 to 65535
     */
    static InputPattern of(String name) {
        return switch (name) {
            case "loopback" -> LOOPBACK;
            case "inverted" -> INVERTED;
            case "counter" -> COUNTER;
            default -> {
                int value = Integer.decode(name);
                if (value < 0 || value > 0xffff) {
                    throw new IllegalArgumentException("inputs " + name + ": at most 0xffff");
                }
                yield constant(value);
            }
        };
    }

    /** Whether {@link #of} takes it. */
    static boolean isName(String name) {
        try {
            of(name);
            return true;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }
}
