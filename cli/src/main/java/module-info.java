/** The muser command. */
module dev.muser.cli {
    requires dev.muser.bench;
    requires dev.muser.server;
    requires dev.muser.client;
    requires dev.muser.conform;
    requires dev.muser.devices;
    requires HdrHistogram;
    requires info.picocli;
    requires tools.jackson.core;
    requires tools.jackson.jr.ob;
    requires jdk.unsupported;
    requires static transitive org.jspecify;

    opens dev.muser.cli to
            info.picocli;

    provides System.LoggerFinder with
            dev.muser.cli.OneLineLoggers;
}
