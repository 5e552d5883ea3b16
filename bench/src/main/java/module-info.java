/** What Muser costs, each figure beside its floor. */
module dev.muser.bench {
    requires dev.muser.server;
    requires dev.muser.client;
    requires dev.muser.devices;
    requires HdrHistogram;
}
