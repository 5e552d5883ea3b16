package dev.muser.cli;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads a user's number, which has 32 bits and no sign. */
final class UserIdConverter implements ITypeConverter<Integer> {
    private static final long NOBODY_AT_ALL = 0xffff_ffffL; // (uid_t) -1 is no user

    @Override
    public Integer convert(String text) {
        try {
            long uid = Long.parseLong(text);
            if (uid >= 0 && uid < NOBODY_AT_ALL) {
                return (int) uid;
            }
        } catch (NumberFormatException e) {
            // the same message
        }
        throw new TypeConversionException(
                "'%s' is not a user's number; 'id -u NAME' prints it".formatted(text));
    }
}
