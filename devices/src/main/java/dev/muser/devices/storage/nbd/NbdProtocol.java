package dev.muser.devices.storage.nbd;

import dev.muser.linux.Errno;

/** Numbers of the protocol ("Values"). All are big-endian on the wire. */
final class NbdProtocol {
    static final long INIT_PASSWD = 0x4e42_444d_4147_4943L; // NBDMAGIC
    static final long OLD_STYLE = 0x0000_4202_8186_1253L;
    static final long OPTION_MAGIC = 0x4948_4156_454f_5054L; // IHAVEOPT
    static final long OPTION_REPLY_MAGIC = 0x0003_e889_0455_65a9L;

    // Handshake flags, and what the client answers
    static final int FIXED_NEWSTYLE = 1;
    static final int NO_ZEROES = 1 << 1;

    static final int OPT_EXPORT_NAME = 1;
    static final int OPT_ABORT = 2;
    static final int OPT_GO = 7;
    static final int OPT_STRUCTURED_REPLY = 8;

    static final int REP_ACK = 1;
    static final int REP_INFO = 3;
    static final int REP_ERROR = 1 << 31;
    static final int REP_ERR_UNSUP = REP_ERROR | 1;
    static final int REP_ERR_POLICY = REP_ERROR | 2;
    static final int REP_ERR_INVALID = REP_ERROR | 3;
    static final int REP_ERR_PLATFORM = REP_ERROR | 4;
    static final int REP_ERR_TLS_REQD = REP_ERROR | 5;
    static final int REP_ERR_UNKNOWN = REP_ERROR | 6;
    static final int REP_ERR_SHUTDOWN = REP_ERROR | 7;
    static final int REP_ERR_BLOCK_SIZE_REQD = REP_ERROR | 8;
    static final int REP_ERR_TOO_BIG = REP_ERROR | 9;

    static final int INFO_EXPORT = 0;
    static final int INFO_BLOCK_SIZE = 3;

    // Transmission flags
    static final int HAS_FLAGS = 1;
    static final int READ_ONLY = 1 << 1;
    static final int SEND_FLUSH = 1 << 2;
    static final int SEND_FUA = 1 << 3;
    static final int SEND_TRIM = 1 << 5;
    static final int SEND_WRITE_ZEROES = 1 << 6;
    static final int CAN_MULTI_CONN = 1 << 8;

    static final int REQUEST_MAGIC = 0x2560_9513;
    static final int REQUEST_LENGTH = 28;
    static final int CMD_READ = 0;
    static final int CMD_WRITE = 1;
    static final int CMD_DISC = 2;
    static final int CMD_FLUSH = 3;
    static final int CMD_TRIM = 4;
    static final int CMD_WRITE_ZEROES = 6;
    static final int CMD_FLAG_FUA = 1;
    static final int CMD_FLAG_NO_HOLE = 1 << 1;

    static final int SIMPLE_REPLY_MAGIC = 0x6744_6698;
    static final int STRUCTURED_REPLY_MAGIC = 0x668e_33ef;
    static final int REPLY_FLAG_DONE = 1;
    static final int REPLY_NONE = 0;
    static final int REPLY_OFFSET_DATA = 1;
    static final int REPLY_OFFSET_HOLE = 2;
    static final int REPLY_IS_ERROR = 1 << 15;
    static final int REPLY_ERROR_OFFSET = REPLY_IS_ERROR | 2;

    private NbdProtocol() {}

    /**
     * Returns the errno for an error of a reply ("Error values"): its own, as far as there is one
     * that a disk can have.
     */
    static int errno(int error) {
        return switch (error) {
            case Errno.EPERM -> Errno.EROFS; // what writes to an export without permission get
            case Errno.ENOMEM, Errno.EINVAL, Errno.ENOSPC, Errno.EOVERFLOW, Errno.EOPNOTSUPP ->
                    error;
            default -> Errno.EIO;
        };
    }
}
