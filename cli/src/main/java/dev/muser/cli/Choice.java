package dev.muser.cli;

import java.util.List;
import java.util.stream.Collectors;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads one of a few words, in whatever case, and names them all when it is another. */
abstract class Choice<T> implements ITypeConverter<T> {
    private final List<T> values;

    @SafeVarargs
    @SuppressWarnings("varargs") // copied, not kept
    Choice(T... values) {
        this.values = List.of(values);
    }

    @Override
    public T convert(String text) {
        for (var value : values) {
            if (value.toString().equalsIgnoreCase(text)) {
                return value;
            }
        }
        throw new TypeConversionException(
                "'%s' is none of %s"
                        .formatted(
                                text,
                                values.stream()
                                        .map(Object::toString)
                                        .collect(Collectors.joining(", "))));
    }
}
