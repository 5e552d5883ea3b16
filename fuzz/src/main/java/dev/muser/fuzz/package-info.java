/** Targets of the fuzzer: what it feeds with bytes, and what must hold whatever they are. */
@NullMarked
package dev.muser.fuzz;

import org.jspecify.annotations.NullMarked;
