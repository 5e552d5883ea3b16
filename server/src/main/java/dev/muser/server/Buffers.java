package dev.muser.server;

import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;

/** What the channels of one loop share: they use it within a call and leave nothing in it. */
final class Buffers {
    final MessageReceiver receiver = new MessageReceiver(MessageSender.MAX_DESCRIPTORS);
    final MessageSender sender = new MessageSender();
}
