package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.Test;

class CountedSenderTest {
    private final Arena arena = Arena.ofAuto();

    @Test
    void shouldHaveTheKernelNoteWhatLeftAndPassDescriptors() {
        var memory = arena.allocate(CountedSender.SIZE, 8);
        var data = arena.allocate(1 << 20, 8);
        for (int i = 0; i < data.byteSize(); i++) {
            data.set(JAVA_BYTE, i, (byte) (i * 7));
        }
        var pair = UnixSocket.pair();
        try (var ours = pair[0];
                var theirs = pair[1];
                var event = EventFd.create();
                var receiver = new MessageReceiver(4)) {
            var sender = new CountedSender(memory);
            sender.clear();
            assertThat(sender.count()).isZero();
            int sent = sender.send(ours, data, 3, 100, List.of(event), MessageSender.DONT_WAIT);
            assertThat(sent).isEqualTo(100);
            // as a successor sees it
            assertThat(new CountedSender(memory).count()).isEqualTo(100);

            var got = arena.allocate(200, 8);
            assertThat(receiver.receive(theirs, got, 0, 200, MessageReceiver.DONT_WAIT))
                    .isEqualTo(100);
            assertThat(got.asSlice(0, 100).mismatch(data.asSlice(3, 100))).isEqualTo(-1);
            assertThat(receiver.descriptors()).isEqualTo(1);

            sender.clear();
            int part = sender.send(ours, data, 0, 1 << 20, List.of(), MessageSender.DONT_WAIT);
            assertThat(part).isBetween(1, (1 << 20) - 1).isEqualTo(sender.count());
            sender.clear();
            int full = sender.send(ours, data, 0, 1 << 20, List.of(), MessageSender.DONT_WAIT);
            assertThat(full).isEqualTo(-Errno.EAGAIN);
            assertThat(sender.count()).isZero();
        }
    }

    @Test
    void shouldCountInTheKernelHowFarWhatWasReadIsAheadOfWhatWasTaken() {
        var buffer = arena.allocate(64, 8);
        var pair = UnixSocket.pair();
        try (var ours = pair[0];
                var theirs = pair[1];
                var receiver = new MessageReceiver(4)) {
            theirs.peekOffset(0);
            var sender = new MessageSender();
            sender.send(ours, buffer, 0, 10, 0);
            sender.send(ours, buffer, 0, 5, 0);
            int peek = MessageReceiver.PEEK | MessageReceiver.DONT_WAIT;
            assertThat(receiver.receive(theirs, buffer, 0, 4, peek)).isEqualTo(4);
            assertThat(receiver.receive(theirs, buffer, 0, 64, peek)).isEqualTo(11);
            assertThat(receiver.receive(theirs, buffer, 0, 64, peek)).isEqualTo(-Errno.EAGAIN);
            assertThat(theirs.peekOffset()).isEqualTo(15);
            assertThat(theirs.fd().read(buffer, 0, 12)).isEqualTo(12);
            assertThat(theirs.peekOffset()).isEqualTo(3);
        }
    }
}
