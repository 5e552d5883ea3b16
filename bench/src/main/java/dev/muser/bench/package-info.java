/**
 * What Muser costs, each figure beside its floor, measured in the same run: {@code
 * docs/performance.md}.
 *
 * <p>The server under test always runs in a process of its own.
 */
@NullMarked
package dev.muser.bench;

import org.jspecify.annotations.NullMarked;
