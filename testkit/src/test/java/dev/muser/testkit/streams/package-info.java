/** Migration streams that were made once, by builds of then, which every later one has to read. */
@NullMarked
package dev.muser.testkit.streams;

import org.jspecify.annotations.NullMarked;
