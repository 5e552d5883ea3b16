/** Microbenchmarks, by JMH: {@code bench/micro} runs them. */
@NullMarked
package dev.muser.bench.jmh;

import org.jspecify.annotations.NullMarked;
