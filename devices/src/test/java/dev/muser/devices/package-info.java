@NullMarked
package dev.muser.devices;

import org.jspecify.annotations.NullMarked;
