/** Targets that call what the module's tests call. */
@NullMarked
package dev.muser.protocol;

import org.jspecify.annotations.NullMarked;
