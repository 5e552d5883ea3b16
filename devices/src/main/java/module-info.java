/** The devices that ship. */
module dev.muser.devices {
    requires transitive dev.muser.device;
    requires static transitive org.jspecify;

    exports dev.muser.devices;
    exports dev.muser.devices.conformance;
    exports dev.muser.devices.edu;
    exports dev.muser.devices.idio16;
    exports dev.muser.devices.nvme;
    exports dev.muser.devices.storage;
    exports dev.muser.devices.storage.nbd;
    exports dev.muser.devices.timer;
}
