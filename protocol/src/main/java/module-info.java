/** vfio-user messages as types: pure, symmetrical, without sockets. */
module dev.muser.protocol {
    requires static transitive org.jspecify;
    requires tools.jackson.core;

    exports dev.muser.protocol;
}
