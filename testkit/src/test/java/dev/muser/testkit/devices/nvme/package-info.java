@NullMarked
package dev.muser.testkit.devices.nvme;

import org.jspecify.annotations.NullMarked;
