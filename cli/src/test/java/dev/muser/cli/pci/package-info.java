@NullMarked
package dev.muser.cli.pci;

import org.jspecify.annotations.NullMarked;
