/** The process that outlives the device process: keeps its descriptors, and starts it anew. */
module dev.muser.keeper {
    requires transitive dev.muser.service;
    requires static transitive org.jspecify;
    requires jdk.unsupported; // sun.misc.Signal

    exports dev.muser.keeper;
}
