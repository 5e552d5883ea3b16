/** The devices that ship. */
module dev.muser.devices {
    requires transitive dev.muser.device;
}
