package dev.muser.cli;

import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads sizes in bytes, with K or M behind for KiB or MiB. */
final class SizeConverter implements ITypeConverter<Integer> {
    private static final Pattern FORM = Pattern.compile("(\\d{1,10})([KkMm]?)");

    @Override
    public Integer convert(String text) {
        var match = FORM.matcher(text);
        if (!match.matches()) {
            throw new TypeConversionException(
                    "'%s' is not a size such as 65536, 64K or 1M".formatted(text));
        }
        long unit =
                switch (match.group(2)) {
                    case "K", "k" -> 1 << 10;
                    case "M", "m" -> 1 << 20;
                    default -> 1;
                };
        long size = Long.parseLong(match.group(1)) * unit;
        if (size > Integer.MAX_VALUE) {
            throw new TypeConversionException("'%s' is more than 2 GiB".formatted(text));
        }
        return (int) size;
    }
}
