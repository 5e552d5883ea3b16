/** ACCES PCI-IDIO-16: digital inputs and outputs. */
@NullMarked
package dev.muser.devices.idio16;

import org.jspecify.annotations.NullMarked;
