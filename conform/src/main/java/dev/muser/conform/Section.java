package dev.muser.conform;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** The cases of one section of the protocol, as they are written down. */
final class Section {
    private final String name;
    private final List<Case> cases = new ArrayList<>();

    Section(String name) {
        this.name = name;
    }

    List<Case> cases() {
        return List.copyOf(cases);
    }

    Section must(String name, String title, Consumer<Trial> body) {
        return add(name, title, Level.MUST, Case.Setup.SHARED, body);
    }

    Section should(String name, String title, Consumer<Trial> body) {
        return add(name, title, Level.SHOULD, Case.Setup.SHARED, body);
    }

    /** A case that may leave its connection unusable, or needs several. */
    Section mustAlone(String name, String title, Consumer<Trial> body) {
        return add(name, title, Level.MUST, Case.Setup.OWN, body);
    }

    Section shouldAlone(String name, String title, Consumer<Trial> body) {
        return add(name, title, Level.SHOULD, Case.Setup.OWN, body);
    }

    /** A case that begins before VERSION. */
    Section mustRaw(String name, String title, Consumer<Trial> body) {
        return add(name, title, Level.MUST, Case.Setup.RAW, body);
    }

    Section shouldRaw(String name, String title, Consumer<Trial> body) {
        return add(name, title, Level.SHOULD, Case.Setup.RAW, body);
    }

    /** Two cases: a payload of no byte, and one that lacks the last byte of its fixed part. */
    Section tooShort(int command, Bytes payload) {
        var whole = payload.get();
        for (int length : new int[] {0, whole.length - 1}) {
            must(
                    "length-" + length,
                    "a payload of %d bytes, of %d, is refused".formatted(length, whole.length),
                    t -> {
                        t.refused(command, Bytes.of().raw(whole).cut(length));
                        t.serves();
                    });
        }
        return this;
    }

    /** Two cases: {@code argsz} of 0, and of one less than the fixed part of the payload. */
    Section argszTooSmall(int command, Bytes payload) {
        var whole = payload.get();
        for (int argsz : new int[] {0, whole.length - 1}) {
            should(
                    "argsz-" + argsz,
                    "argsz %d, less than the structure's %d, is refused"
                            .formatted(argsz, whole.length),
                    t -> {
                        var request = whole.clone();
                        request[0] = (byte) argsz; // the first field, little-endian
                        t.refused(command, Bytes.of().raw(request));
                    });
        }
        return this;
    }

    private Section add(
            String caseName, String title, Level level, Case.Setup setup, Consumer<Trial> body) {
        cases.add(new Case(name, caseName, title, level, setup, body));
        return this;
    }
}
