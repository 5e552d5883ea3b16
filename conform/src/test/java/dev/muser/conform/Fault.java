package dev.muser.conform;

/** What the fake server can do wrong; without any it does all right. */
enum Fault {
    /** The reply to GET_IRQ_INFO has another id. */
    REPLY_ID,
    /** The reply to GET_IRQ_INFO is that to another command. */
    REPLY_COMMAND,
    /** The reply to GET_INFO says that it is longer than it is. */
    INFO_ARGSZ,
    /** Errors have no number. */
    ERRNO_MISSING,
    /** The errors of GET_IRQ_INFO have a payload. */
    ERROR_PAYLOAD,
    /** Unknown commands are not answered. */
    UNKNOWN_SWALLOWED,
    /** The payload of an unknown command is taken for the next message. */
    UNKNOWN_NOT_SKIPPED,
    /** A reset is never answered, nor what follows on the same connection. */
    RESET_HANGS,
    /** The same, and no other connection is answered any more. */
    RESET_HANGS_FOR_GOOD,
    /** A region's descriptor comes with the last byte of the reply. */
    DESCRIPTOR_LATE,
    /** A region's descriptor does not come. */
    DESCRIPTOR_MISSING,
    /** The first region, which cannot be mapped, has a descriptor. */
    DESCRIPTOR_EXTRA,
    /** Commands with No_reply are answered. */
    NO_REPLY_IGNORED,
    /** Overlapping mappings are accepted. */
    OVERLAP_TAKEN,
    /** Overlapping mappings are refused with EINVAL, as libvfio-user does. */
    OVERLAP_EINVAL,
    /** The first page of a mapping can be removed alone. */
    UNMAP_PART,
    /** Memory stays mapped when it is removed. */
    UNMAP_KEEPS_MAPPING,
    /** The reply to DMA_UNMAP has no payload. */
    UNMAP_REPLY_EMPTY,
    /** A byte behind the end of a region can be read. */
    READ_BEYOND,
    /** Triggers signal nobody. */
    IRQ_SILENT,
    /** Vectors behind the last are accepted. */
    IRQ_BEYOND,
    /** What was assigned before is signalled too. */
    IRQ_NOT_REPLACED,
    /** Unexpected descriptors stay open, even when the client goes. */
    DESCRIPTORS_KEPT,
    /** Of three commands in one read, or more, the last is answered first. */
    REORDERED,
    /** A region's capabilities have no end. */
    CAPABILITY_LOOP,
    /** An area that can be mapped is longer than its region. */
    AREA_BEYOND,
    /** What does not fit argsz is sent all the same. */
    ARGSZ_IGNORED,
    /** STOP_COPY to PRE_COPY is done. */
    WRONG_ARC,
    /** What takes more than one arc, to or from RESUMING or from PRE_COPY, is refused. */
    LONG_WAYS_REFUSED,
    /** Migration data are read in any state. */
    DATA_ALWAYS_READ,
    /** Migration data are taken in any state. */
    DATA_ALWAYS_TAKEN,
    /** A stream that is cut short is not noticed. */
    TRUNCATED_TAKEN,
    /** A device that refused a stream is in RUNNING, with a part of it. */
    TRUNCATED_RUNS,
    /** A reset leaves the state of migration as it is, as with libvfio-user. */
    MIGRATION_NOT_RESET,
    /** Features and methods that do not exist are there when they are probed. */
    PROBE_ANYTHING,
    /** An ioeventfd lies behind the end of its region. */
    IO_FD_BEYOND,
    /** An ioeventfd has the number of a descriptor that has not come. */
    IO_FD_MISSING,
    /** All ioeventfds are sent, however little fits. */
    IO_FDS_ARGSZ_IGNORED,
    /** Regions behind the last have no ioeventfds, and no error. */
    IO_FDS_INDEX_BEYOND,
    /** Pages that nobody wrote to are reported. */
    PAGES_REPORTED,
    /** Writes of REGION_WRITE_MULTI are counted, not done. */
    MULTI_NOT_DONE,
    /** A message that comes in pieces ends the connection, as with libvfio-user. */
    PIECES_REFUSED,
    /** The minor version is always the server's own. */
    MINOR_FIXED,
    /** A twin socket is in the reply though nobody asked for it. */
    TWIN_UNASKED,
    /** Mappings of one client are there for the next. */
    MEMORY_KEPT,
    /** The state of migration that one client has left is there for the next. */
    MIGRATION_KEPT,
    /** What one client has begun to log is logged for the next. */
    LOGGING_KEPT,
    /** The server ends with its first client. */
    ONE_CLIENT,
    /** A mapping over the end of the address space makes the server end. */
    WRAP_CRASHES
}
