package dev.muser.service;

import dev.muser.linux.Fd;

/**
 * A descriptor as it goes from process to process.
 *
 * @param name 1 to 255 printable ASCII characters without ':'; sockets of a socket unit may share
 *     one
 * @param fd belongs to whoever has this record
 */
public record NamedDescriptor(String name, Fd fd) {}
