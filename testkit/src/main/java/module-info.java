/** For people who test drivers and devices. */
module dev.muser.testkit {
    requires transitive dev.muser.server;
    requires transitive dev.muser.client;
    requires transitive dev.muser.devices;
}
