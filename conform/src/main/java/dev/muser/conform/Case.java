package dev.muser.conform;

import java.util.function.Consumer;

/** One thing that a server must or should do. */
public final class Case {
    /** What a case needs of its connection. */
    enum Setup {
        /** The one that many cases use one after the other. */
        SHARED,
        /** One of its own, negotiated. */
        OWN,
        /** One of its own, on which nothing was said. */
        RAW
    }

    private final String section;
    private final String name;
    private final String title;
    private final Level level;
    private final Setup setup;
    private final Consumer<Trial> body;

    Case(
            String section,
            String name,
            String title,
            Level level,
            Setup setup,
            Consumer<Trial> body) {
        this.section = section;
        this.name = name;
        this.title = title;
        this.level = level;
        this.setup = setup;
        this.body = body;
    }

    /** Returns the section of the protocol: {@code dma-map}. */
    public String section() {
        return section;
    }

    /** Returns section and name: {@code dma-map/overlap}. */
    public String id() {
        return section + "/" + name;
    }

    /** Returns what the server does when it conforms, as a sentence. */
    public String title() {
        return title;
    }

    public Level level() {
        return level;
    }

    /** Whether it needs a connection of its own, so that a server must take more than one. */
    public boolean needsOwnConnection() {
        return setup != Setup.SHARED;
    }

    Setup setup() {
        return setup;
    }

    void run(Trial trial) {
        body.accept(trial);
    }

    @Override
    public String toString() {
        return id();
    }
}
