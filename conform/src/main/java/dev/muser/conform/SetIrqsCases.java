package dev.muser.conform;

import static dev.muser.conform.Command.*;
import static dev.muser.conform.Requests.*;

import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.util.ArrayList;
import java.util.List;

/** "VFIO_USER_DEVICE_SET_IRQS". */
final class SetIrqsCases {
    private static final int ERR = 3;

    private SetIrqsCases() {}

    static Section section() {
        var s = new Section("set-irqs");
        signals(s);
        assignment(s);
        masks(s);
        bounds(s);
        flags(s);
        data(s);
        s.tooShort(SET_IRQS, setIrqs(NONE | TRIGGER, 0, 0, 0));
        s.argszTooSmall(SET_IRQS, setIrqs(NONE | TRIGGER, 0, 0, 0));
        return s;
    }

    private static void signals(Section s) {
        s.must(
                "trigger",
                "TRIGGER with no data signals the eventfd of a vector, of each index",
                t -> {
                    for (var irq : withEventFds(t)) {
                        var fd = assign(t, irq.index(), 0);
                        t.acceptedWith(0, SET_IRQS, setIrqs(NONE | TRIGGER, irq.index(), 0, 1));
                        signalled(t, true, fd);
                    }
                });
        s.must(
                "trigger-bool",
                "TRIGGER with a boolean signals where it is 1",
                t -> {
                    for (var irq : withEventFds(t)) {
                        var fd = assign(t, irq.index(), 0);
                        t.accepted(SET_IRQS, setIrqs(BOOL | TRIGGER, irq.index(), 0, 1, 1));
                        signalled(t, true, fd);
                    }
                });
        s.must(
                "trigger-false",
                "TRIGGER with a boolean does not signal where it is 0",
                t -> {
                    var irq = one(t);
                    var fd = assign(t, irq.index(), 0);
                    t.accepted(SET_IRQS, setIrqs(BOOL | TRIGGER, irq.index(), 0, 1, 0));
                    signalled(t, false, fd);
                });
        s.must(
                "trigger-range",
                "TRIGGER signals the vectors of its range and no others",
                t -> {
                    var irq = several(t, 3);
                    var fds = new ArrayList<Fd>();
                    for (int i = 0; i < 3; i++) {
                        fds.add(assign(t, irq.index(), i));
                    }
                    t.accepted(SET_IRQS, setIrqs(NONE | TRIGGER, irq.index(), 1, 2));
                    signalled(t, true, fds.get(1));
                    signalled(t, true, fds.get(2));
                    signalled(t, false, fds.get(0));
                });
        s.must(
                "trigger-last",
                "the last vector of an index can be used",
                t -> {
                    for (var irq : withEventFds(t)) {
                        long last = irq.count() - 1;
                        var fd = assign(t, irq.index(), last);
                        t.accepted(SET_IRQS, setIrqs(NONE | TRIGGER, irq.index(), last, 1));
                        signalled(t, true, fd);
                    }
                });
        s.must(
                "trigger-unassigned",
                "TRIGGER of a vector without eventfd is no error",
                t -> t.accepted(SET_IRQS, setIrqs(NONE | TRIGGER, one(t).index(), 0, 1)));
    }

    private static void assignment(Section s) {
        s.must(
                "several",
                "several eventfds in one message go to their vectors in order",
                t -> {
                    var irq = several(t, 2);
                    t.need(t.device().maxFds() >= 2, "the server takes one descriptor at a time");
                    var fds = new Fd[] {t.eventFd(), t.eventFd()};
                    disableAtEnd(t, irq.index());
                    t.accepted(SET_IRQS, setIrqs(EVENTFD | TRIGGER, irq.index(), 0, 2), fds);
                    t.accepted(SET_IRQS, setIrqs(NONE | TRIGGER, irq.index(), 1, 1));
                    signalled(t, true, fds[1]);
                    signalled(t, false, fds[0]);
                });
        s.must(
                "replace",
                "another eventfd takes the place of the one before",
                t -> {
                    var irq = one(t);
                    var first = assign(t, irq.index(), 0);
                    var second = assign(t, irq.index(), 0);
                    t.accepted(SET_IRQS, setIrqs(NONE | TRIGGER, irq.index(), 0, 1));
                    signalled(t, true, second);
                    signalled(t, false, first);
                });
        s.must(
                "remove",
                "EVENTFD without descriptors removes what is assigned",
                t -> {
                    var irq = one(t);
                    var fd = assign(t, irq.index(), 0);
                    t.accepted(SET_IRQS, setIrqs(EVENTFD | TRIGGER, irq.index(), 0, 1));
                    t.accepted(SET_IRQS, setIrqs(NONE | TRIGGER, irq.index(), 0, 1));
                    signalled(t, false, fd);
                });
        s.must(
                "remove-one",
                "EVENTFD without descriptors removes its range alone",
                t -> {
                    var irq = several(t, 2);
                    var first = assign(t, irq.index(), 0);
                    var second = assign(t, irq.index(), 1);
                    t.accepted(SET_IRQS, setIrqs(EVENTFD | TRIGGER, irq.index(), 1, 1));
                    t.accepted(SET_IRQS, setIrqs(NONE | TRIGGER, irq.index(), 0, 2));
                    signalled(t, true, first);
                    signalled(t, false, second);
                });
        s.must(
                "disable",
                "TRIGGER with no data, start 0 and count 0, disables the whole index",
                t -> {
                    for (var irq : withEventFds(t)) {
                        var fd = assign(t, irq.index(), 0);
                        t.accepted(SET_IRQS, setIrqs(NONE | TRIGGER, irq.index(), 0, 0));
                        t.accepted(SET_IRQS, setIrqs(NONE | TRIGGER, irq.index(), 0, 1));
                        signalled(t, false, fd);
                    }
                });
    }

    private static void masks(Section s) {
        s.must(
                "mask",
                "an index that is MASKABLE can be masked and unmasked",
                t -> {
                    var irq = maskable(t);
                    t.finallyDo(
                            () -> t.answered(SET_IRQS, setIrqs(NONE | UNMASK, irq.index(), 0, 1)));
                    t.acceptedWith(0, SET_IRQS, setIrqs(NONE | MASK, irq.index(), 0, 1));
                    t.acceptedWith(0, SET_IRQS, setIrqs(NONE | UNMASK, irq.index(), 0, 1));
                    t.accepted(SET_IRQS, setIrqs(BOOL | MASK, irq.index(), 0, 1, 1));
                    t.accepted(SET_IRQS, setIrqs(BOOL | UNMASK, irq.index(), 0, 1, 1));
                });
        s.must(
                "mask-eventfd",
                "an eventfd to be told of unmasking is answered",
                t -> {
                    var irq = maskable(t);
                    disableAtEnd(t, irq.index());
                    t.answered(SET_IRQS, setIrqs(EVENTFD | UNMASK, irq.index(), 0, 1), t.eventFd());
                    t.answered(SET_IRQS, setIrqs(EVENTFD | UNMASK, irq.index(), 0, 1));
                });
        s.should(
                "mask-err",
                "ERR and REQ cannot be masked",
                t -> {
                    t.need(
                            t.device().irqs.size() > ERR && t.device().irqs.get(ERR).count() > 0,
                            "no ERR");
                    t.refused(SET_IRQS, setIrqs(NONE | MASK, ERR, 0, 1));
                });
    }

    private static void bounds(Section s) {
        s.must(
                "index-beyond",
                "the index after the last is refused",
                t -> t.refused(SET_IRQS, setIrqs(NONE | TRIGGER, t.device().irqCount, 0, 1)));
        s.must(
                "index-max",
                "index 2^32 - 1 is refused",
                t -> t.refused(SET_IRQS, setIrqs(NONE | TRIGGER, 0xffffffffL, 0, 1)));
        s.must(
                "start-beyond",
                "a start behind the last vector is refused",
                t ->
                        t.refused(
                                SET_IRQS,
                                setIrqs(NONE | TRIGGER, one(t).index(), one(t).count(), 1)));
        s.must(
                "count-beyond",
                "a count behind the last vector is refused",
                t ->
                        t.refused(
                                SET_IRQS,
                                setIrqs(NONE | TRIGGER, one(t).index(), 0, one(t).count() + 1)));
        s.must(
                "start-max",
                "start 2^32 - 1 is refused",
                t -> t.refused(SET_IRQS, setIrqs(NONE | TRIGGER, one(t).index(), 0xffffffffL, 1)));
        s.must(
                "count-max",
                "count 2^32 - 1 is refused",
                t -> t.refused(SET_IRQS, setIrqs(NONE | TRIGGER, one(t).index(), 0, 0xffffffffL)));
        s.must(
                "sum-overflow",
                "start and count whose sum overflows 32 bits are refused",
                t -> t.refused(SET_IRQS, setIrqs(NONE | TRIGGER, one(t).index(), 1, 0xffffffffL)));
        s.should(
                "no-vectors",
                "an index without vectors is refused",
                t -> {
                    for (var irq : t.device().irqs) {
                        if (irq.count() == 0) {
                            t.refused(SET_IRQS, setIrqs(NONE | TRIGGER, irq.index(), 0, 1));
                            return;
                        }
                    }
                    throw new NotOffered("every index has vectors");
                });
        s.should(
                "count-0-start",
                "count 0 with a start other than 0 is refused",
                t -> t.refused(SET_IRQS, setIrqs(NONE | TRIGGER, several(t, 2).index(), 1, 0)));
        s.should(
                "count-0-mask",
                "count 0 with MASK is refused",
                t -> t.refused(SET_IRQS, setIrqs(NONE | MASK, one(t).index(), 0, 0)));
    }

    private static void flags(Section s) {
        wrong(s, true, "no-action", "no action is", NONE);
        wrong(s, true, "no-data", "no data type is", TRIGGER);
        wrong(s, true, "flags-0", "neither action nor data type is", 0);
        wrong(s, true, "two-actions", "two actions are", NONE | MASK | TRIGGER);
        wrong(s, true, "all-actions", "three actions are", NONE | MASK | UNMASK | TRIGGER);
        wrong(s, true, "two-data", "two data types are", NONE | EVENTFD | TRIGGER);
        wrong(s, false, "flag-6", "a flag that does not exist is", NONE | TRIGGER | 1 << 6);
        wrong(s, false, "flag-31", "a flag that does not exist is", NONE | TRIGGER | 1 << 31);
    }

    private static void wrong(Section s, boolean required, String name, String what, int flags) {
        var title = "%s refused: flags 0x%x".formatted(what, flags);
        if (required) {
            s.must(name, title, t -> t.refused(SET_IRQS, setIrqs(flags, one(t).index(), 0, 1)));
        } else {
            s.should(name, title, t -> t.refused(SET_IRQS, setIrqs(flags, one(t).index(), 0, 1)));
        }
    }

    private static void data(Section s) {
        s.must(
                "bool-short",
                "fewer booleans than count are refused",
                t -> t.refused(SET_IRQS, setIrqs(BOOL | TRIGGER, one(t).index(), 0, 1)));
        s.should(
                "bool-long",
                "more booleans than count are refused",
                t -> t.refused(SET_IRQS, setIrqs(BOOL | TRIGGER, one(t).index(), 0, 1, 0, 0)));
        s.should(
                "none-descriptor",
                "a descriptor with no data is refused",
                t ->
                        t.refused(
                                SET_IRQS,
                                setIrqs(NONE | TRIGGER, one(t).index(), 0, 1),
                                t.eventFd()));
        s.must(
                "more-descriptors",
                "more descriptors than count are refused",
                t -> {
                    disableAtEnd(t, one(t).index());
                    t.refused(
                            SET_IRQS,
                            setIrqs(EVENTFD | TRIGGER, one(t).index(), 0, 1),
                            t.eventFd(),
                            t.eventFd());
                });
        s.must(
                "fewer-descriptors",
                "fewer descriptors than count, but some, are refused",
                t -> {
                    var irq = several(t, 2);
                    disableAtEnd(t, irq.index());
                    t.refused(SET_IRQS, setIrqs(EVENTFD | TRIGGER, irq.index(), 0, 2), t.eventFd());
                });
        s.must(
                "no-reply",
                "an eventfd that comes with No_reply is in force at the next command",
                t -> {
                    var irq = one(t);
                    var fd = t.eventFd();
                    disableAtEnd(t, irq.index());
                    t.unanswered(SET_IRQS, setIrqs(EVENTFD | TRIGGER, irq.index(), 0, 1), fd);
                    t.accepted(SET_IRQS, setIrqs(NONE | TRIGGER, irq.index(), 0, 1));
                    signalled(t, true, fd);
                });
    }

    // --- what the device has

    private static List<Device.Irq> withEventFds(Trial t) {
        var irqs = t.device().irqs.stream().filter(Device.Irq::eventFd).toList();
        t.need(!irqs.isEmpty(), "no interrupts");
        return irqs;
    }

    private static Device.Irq one(Trial t) {
        return withEventFds(t).getFirst();
    }

    private static Device.Irq several(Trial t, int vectors) {
        for (var irq : withEventFds(t)) {
            if (irq.count() >= vectors) {
                return irq;
            }
        }
        throw new NotOffered("no interrupt index with %d vectors".formatted(vectors));
    }

    private static Device.Irq maskable(Trial t) {
        for (var irq : t.device().irqs) {
            if (irq.maskable()) {
                return irq;
            }
        }
        throw new NotOffered("no interrupt index is MASKABLE");
    }

    private static Fd assign(Trial t, int index, long vector) {
        var fd = t.eventFd();
        disableAtEnd(t, index);
        t.acceptedWith(0, SET_IRQS, setIrqs(EVENTFD | TRIGGER, index, vector, 1), fd);
        return fd;
    }

    private static void disableAtEnd(Trial t, int index) {
        t.finallyDo(() -> t.answered(SET_IRQS, setIrqs(NONE | TRIGGER, index, 0, 0)));
    }

    /** What is handled in order has signalled before its reply, so that silence needs no wait. */
    private static void signalled(Trial t, boolean expected, Fd fd) {
        boolean was = expected ? t.signalled(fd) : EventFd.take(fd) > 0;
        t.check(
                was == expected,
                expected ? "the eventfd signalled" : "the eventfd not signalled",
                was ? "a signal" : "none");
    }
}
