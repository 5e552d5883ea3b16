/**
 * Linux as Java objects: the only module with native access, a syscall number or an errno's value.
 */
module dev.muser.linux {
    requires static transitive org.jspecify;

    exports dev.muser.linux;
}
