/**
 * What systemd is to a service, for where there is no systemd: keeps the descriptors of a device
 * process, and starts it anew when it dies or hangs.
 *
 * <p>It uses the descriptors for nothing, and is on no data path. Little memory and a quick start
 * count more here than elsewhere: no lambdas, streams, formats or regular expressions.
 */
@NullMarked
package dev.muser.keeper;

import org.jspecify.annotations.NullMarked;
