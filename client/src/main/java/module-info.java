/** Reaches the VFIO device behind a vfio-user socket, with what a driver needs. */
module dev.muser.client {
    requires transitive dev.muser.device;
    requires dev.muser.protocol;

    exports dev.muser.client;
    exports dev.muser.client.edu;
    exports dev.muser.client.nvme;
}
