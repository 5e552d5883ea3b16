/** For people who test drivers and devices. */
module dev.muser.testkit {
    requires transitive dev.muser.server;
    requires transitive dev.muser.client;
    requires transitive dev.muser.devices;
    requires static transitive org.jspecify;
    requires tools.jackson.jr.ob;

    exports dev.muser.testkit;
    exports dev.muser.testkit.guest;
    exports dev.muser.testkit.restart;
}
