/**
 * A storage engine whose bytes are behind an NBD server. The protocol: {@code doc/proto.md} and
 * {@code doc/uri.md} of the NetworkBlockDevice project, named in comments as "NBD" and a heading.
 */
@NullMarked
package dev.muser.devices.storage.nbd;

import org.jspecify.annotations.NullMarked;
