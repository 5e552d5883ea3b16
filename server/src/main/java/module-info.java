/** Puts a VFIO device behind a vfio-user socket: sessions, event loops, limits per client. */
module dev.muser.server {
    requires transitive dev.muser.device;
    requires dev.muser.protocol;
    requires static transitive org.jspecify;

    exports dev.muser.server;
}
