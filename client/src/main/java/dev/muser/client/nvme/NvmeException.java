package dev.muser.client.nvme;

/** A command that the controller completed with an error. */
public final class NvmeException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final int opcode;
    private final int status;
    private final boolean doNotRetry;

    /** For the completion of {@code command}, the name of {@code opcode}. */
    NvmeException(String command, int opcode, Completion completion) {
        super(
                "%s: %s (SCT 0x%x, SC 0x%02x)%s"
                        .formatted(
                                command,
                                Status.name(completion.status()),
                                completion.statusCodeType(),
                                completion.statusCode(),
                                completion.doNotRetry() ? ", do not retry" : ""));
        this.opcode = opcode;
        status = completion.status();
        doNotRetry = completion.doNotRetry();
    }

    /** Returns the command's opcode, of {@link AdminOpcode} or {@link IoOpcode}. */
    public int opcode() {
        return opcode;
    }

    /** Returns the status, one of {@link Status}. */
    public int status() {
        return status;
    }

    /** Returns the status code type: 0 generic, 1 command specific, 2 media and data. */
    public int statusCodeType() {
        return status >>> 8;
    }

    public int statusCode() {
        return status & 0xff;
    }

    /** Whether the same command would fail again. */
    public boolean doNotRetry() {
        return doNotRetry;
    }
}
