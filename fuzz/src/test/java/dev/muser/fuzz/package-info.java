@NullMarked
package dev.muser.fuzz;

import org.jspecify.annotations.NullMarked;
