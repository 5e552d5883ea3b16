/** Disks as a command line names them: where their bytes are, how fast they may be. */
@NullMarked
package dev.muser.cli.disk;

import org.jspecify.annotations.NullMarked;
