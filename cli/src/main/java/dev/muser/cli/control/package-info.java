/** The socket beside a disk's own, by which its operator looks at it and changes it. */
@NullMarked
package dev.muser.cli.control;

import org.jspecify.annotations.NullMarked;
