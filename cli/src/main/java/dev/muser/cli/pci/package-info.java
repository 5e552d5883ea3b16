/** Configuration space in words, much as {@code lspci -vv} has it. Pure: bytes in, text out. */
@NullMarked
package dev.muser.cli.pci;

import org.jspecify.annotations.NullMarked;
