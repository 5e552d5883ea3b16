package dev.muser.bench;

/** Where results go. */
sealed interface Report permits TextReport, JsonReport {
    void begin(int clientCpu, int serverCpu);

    void add(Measurement measurement);

    void add(DiskFigure figure);

    /** Something that a reader has to know. */
    void note(String text);
}
