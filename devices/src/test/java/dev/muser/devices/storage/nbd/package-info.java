@NullMarked
package dev.muser.devices.storage.nbd;

import org.jspecify.annotations.NullMarked;
