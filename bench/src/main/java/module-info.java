/** What Muser costs, each figure beside its floor. */
module dev.muser.bench {
    requires dev.muser.server;
    requires dev.muser.client;
    requires dev.muser.devices;
    requires dev.muser.protocol;
    requires HdrHistogram;
    requires java.management;
    requires jdk.management;
    requires tools.jackson.core;
    requires static jmh.core;
    requires static transitive org.jspecify;

    exports dev.muser.bench;
}
