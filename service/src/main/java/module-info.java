/** How a service process lives with what started it: systemd's protocols, and what outlives it. */
module dev.muser.service {
    requires transitive dev.muser.linux;
    requires static transitive org.jspecify;

    exports dev.muser.service;
}
