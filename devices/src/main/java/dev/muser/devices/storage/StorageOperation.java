package dev.muser.devices.storage;

/** What a storage engine is asked to do. */
public enum StorageOperation {
    /** Storage to client memory. */
    READ,

    /** Client memory to storage. */
    WRITE,

    /** All writes that have completed become durable; no range. */
    FLUSH,

    /** The range is not needed any more: a hint. */
    DISCARD,

    /** The range becomes zero; its room may be given back if the request says so. */
    ZERO
}
