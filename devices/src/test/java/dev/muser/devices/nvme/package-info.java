@NullMarked
package dev.muser.devices.nvme;

import org.jspecify.annotations.NullMarked;
