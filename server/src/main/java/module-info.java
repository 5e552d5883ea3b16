/** Puts a VFIO device behind a vfio-user socket. */
module dev.muser.server {
    requires transitive dev.muser.device;
    requires dev.muser.protocol;
}
