/** Whether a vfio-user server, anybody's, keeps to the protocol. */
module dev.muser.conform {
    requires dev.muser.linux;
    requires static transitive org.jspecify;
    requires tools.jackson.core;
    requires tools.jackson.jr.ob;

    exports dev.muser.conform;
}
