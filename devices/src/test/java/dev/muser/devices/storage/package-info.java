@NullMarked
package dev.muser.devices.storage;

import org.jspecify.annotations.NullMarked;
