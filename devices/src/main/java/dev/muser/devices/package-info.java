/** The devices that ship, by name, with the options that each of them takes. */
@NullMarked
package dev.muser.devices;

import org.jspecify.annotations.NullMarked;
