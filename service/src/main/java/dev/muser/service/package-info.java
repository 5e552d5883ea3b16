/**
 * Descriptors that outlive the process, and word of how it fares: the protocols of {@code
 * sd_notify(3)}, {@code sd_listen_fds(3)} and {@code sd_pid_notify_with_fds(3)}.
 */
@NullMarked
package dev.muser.service;

import org.jspecify.annotations.NullMarked;
