/**
 * An NVM Express controller (base specification 1.4) whose namespaces are {@linkplain
 * dev.muser.devices.storage.Storage storage engines}.
 */
@NullMarked
package dev.muser.devices.nvme;

import org.jspecify.annotations.NullMarked;
