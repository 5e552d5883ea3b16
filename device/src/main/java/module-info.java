/** What a PCI device is made of, and the contract by which every door reaches it. */
module dev.muser.device {
    requires transitive dev.muser.service;
    requires static transitive org.jspecify;

    exports dev.muser.device;
    exports dev.muser.device.pci;
    exports dev.muser.device.state;
}
