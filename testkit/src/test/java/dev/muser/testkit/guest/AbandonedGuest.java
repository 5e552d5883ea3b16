package dev.muser.testkit.guest;

/** Starts a guest, prints the process id of its QEMU and its directory, and waits to be killed. */
final class AbandonedGuest {
    private AbandonedGuest() {}

    public static void main(String[] arguments) throws InterruptedException {
        var guest = GuestVm.builder().runAs(RunAs.ordinaryUser()).script("sleep 1000").start();
        System.out.println(guest.pid());
        System.out.println(guest.run());
        Thread.sleep(Long.MAX_VALUE);
    }
}
