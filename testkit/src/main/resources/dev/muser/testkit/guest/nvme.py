"""nvme.py STEP...: Linux's nvme driver, nvme-cli, ext4 and fio on the disk nvme0.

Each step says "OK STEP", the end "NVME-DONE". Arguments follow a colon: "keep:seed".
"""
import glob
import os
import sys
import time

from disk import *

ADMIN_FEATURES = {1: "arbitration", 2: "power", 4: "temperature", 5: "error recovery", 6: "write cache", 7: "queues",
                  8: "coalescing", 9: "vector", 0xA: "write atomicity", 0xB: "events"}
ERROR_RECOVERY = 5  # of a namespace, all others are the controller's
VOLATILE_WRITE_CACHE = 6
NUMBER_OF_QUEUES = 7
MOUNTED = "/mnt/disk"
FIO_JOBS = {
    "depth1": "--iodepth=1 --ioengine=psync --bs=4k --fsync=32",
    "depth8": "--iodepth=8 --ioengine=libaio --bsrange=4k-64k",
    "depth32": "--iodepth=32 --ioengine=io_uring --bsrange=4k-16k --fsync=64",
}


def identify():
    cpus = os.cpu_count()
    driver = os.path.basename(os.readlink("/sys/class/nvme/nvme0/device/driver"))
    check(driver == "nvme", f"the driver is {driver}")
    disk = await_node(1)
    with open("/proc/interrupts") as lines:
        interrupts = [line for line in lines if " nvme0q" in line]
    if "nomsi" not in read("/proc/cmdline"):
        check(len(interrupts) == cpus + 1, f"one vector a queue: {interrupts}")
    ok("driver", f"{len(interrupts)} vectors, {cpus} CPUs")

    c = nvme("id-ctrl /dev/nvme0")
    check(c["sqes"] == 0x66 and c["cqes"] == 0x44, "queue entries of 64 and 16 bytes")
    check(c["ver"] >= 0x10400 and c["cntrltype"] == 1, "an I/O controller of NVMe 1.4")
    check(c["sn"].strip() and c["mn"].strip() and c["fr"].strip(), "serial, model and firmware")
    check(c["subnqn"].startswith("nqn."), f"a name: {c['subnqn']}")
    check(c["nn"] >= 1 and c["vwc"] & 1, "namespaces and a volatile write cache")
    check(c["oacs"] & 1 << 1, "Format NVM")
    check(c["oncs"] & 0b1100 == 0b1100, "Dataset Management and Write Zeroes")
    check(273 < c["wctemp"] < c["cctemp"] < 400, "temperatures in kelvin")
    ok("id-ctrl", f"{c['sn'].strip()} / {c['mn'].strip()} / {c['fr'].strip()}")

    n = nvme(f"id-ns {disk}")
    form = n["lbafs"][n["flbas"] & 15]
    check(1 << form["ds"] == queue(disk, "logical_block_size") and form["ms"] == 0, f"the block size: {form}")
    check(n["nsze"] << form["ds"] == size(disk), "the size")
    check(n["nuse"] <= n["ncap"] <= n["nsze"], "use, capacity, size")
    check({9, 12} <= {f["ds"] for f in n["lbafs"] if f["ms"] == 0}, "blocks of 512 bytes and 4 KiB")
    ok("id-ns", f"{size(disk)} {queue(disk, 'logical_block_size')}")

    check(1 in [i["nsid"] for i in nvme("list-ns /dev/nvme0")["nsid_list"]], "namespace 1 in the list")
    check(nvme(f"ns-descs {disk}")["ns-descs"], "a namespace descriptor")
    entry = [d for d in nvme("list")["Devices"] if d["DevicePath"] == disk]
    check(len(entry) == 1 and entry[0]["PhysicalSize"] == size(disk) and entry[0]["SerialNumber"] == c["sn"].strip(), "nvme list")
    ok("list")


def logs():
    disk = await_node(1)
    before = nvme("smart-log /dev/nvme0")
    run(f"dd if={disk} of=/dev/null bs=1M count=4 iflag=direct")
    run(f"dd if=/dev/zero of={disk} bs=1M count=4 oflag=direct")
    after = nvme("smart-log /dev/nvme0")
    check(after["critical_warning"] == 0 and after["media_errors"] == 0, f"a healthy disk: {after}")
    check(250 < after["temperature"] < 350, f"a temperature in kelvin: {after['temperature']}")
    for what in "read", "write":
        check(after[f"host_{what}_commands"] > before[f"host_{what}_commands"], f"{what} commands are counted")
    for what in "read", "written":  # in thousands of 512 bytes, rounded up: 4 MiB are eight
        grown = after[f"data_units_{what}"] - before[f"data_units_{what}"]
        check(8 <= grown <= 10, f"data units {what} grew by {grown}")
    ok("smart-log", f"{after['temperature']} K")
    check(isinstance(nvme("error-log /dev/nvme0 -e 1")["errors"], list), "an error log")
    ok("error-log")
    check(nvme("fw-log /dev/nvme0")["nvme0"]["Active Firmware Slot (afi)"] & 7 == 1, "firmware slot 1 is active")
    ok("fw-log")
    # With its own idea of the command set, nvme-cli shows nothing for QEMU's.
    effects = run("nvme effects-log /dev/nvme0 --csi=0")
    for name in "Read", "Write", "Flush", "Identify", "Get Log Page":
        check(name in effects, f"{name} among the commands: {effects}")
    ok("effects-log")


def feature(number, nsid=0):
    return int(run(f"nvme get-feature /dev/nvme0 -n {nsid} -f {number}").split("Current value:")[1].split()[0], 16)


def features():
    for number, name in ADMIN_FEATURES.items():
        check(feature(number, 1 if number == ERROR_RECOVERY else 0) >= 0, f"feature {number}, {name}")
    check(feature(NUMBER_OF_QUEUES) & 0xFFFF >= os.cpu_count() - 1, "as many queues as CPUs")
    for value in 0, 1:
        run(f"nvme set-feature /dev/nvme0 -f {VOLATILE_WRITE_CACHE} --value={value}")
        check(feature(VOLATILE_WRITE_CACHE) & 1 == value, f"a write cache that is {value}")
    ok("features")


def refused_read():
    """A command that fails leaves an entry in the error log, with its status and address."""
    disk = await_node(1)
    blocks = size(disk) // queue(disk, "logical_block_size")
    count = nvme("smart-log /dev/nvme0")["num_err_log_entries"]
    status, said = status_of(f"nvme read {disk} --start-block={blocks} --block-count=0 --data-size=512")
    check(status != 0 and "LBA Out of Range" in said, f"a read behind the end: {said}")
    after = nvme("smart-log /dev/nvme0")["num_err_log_entries"]
    check(after > count, f"more errors than {count}, not {after}")
    entries = nvme("error-log /dev/nvme0 -e 4")["errors"]
    found = [e for e in entries if e["lba"] == blocks and e["nsid"] == 1 and count < e["error_count"] <= after]
    check(len(found) == 1, f"one entry for it: {entries}")
    ok("refused-read")


def fio(where, job, loops="1"):
    """Random reads and writes; at the end all that was written is read and its checksums compared."""
    run("fio --rw=randrw --verify=crc32c --verify_fatal=1 --verify_state_save=0 --direct=1 --group_reporting=1"
        f" --numjobs={os.cpu_count()} --cpus_allowed_policy=split --cpus_allowed=0-{os.cpu_count() - 1}"
        f" --loops={loops} {job}", cwd=where)


def filesystem(loops="1"):
    disk = await_node(1)
    run(f"mkfs.ext4 -q -F {disk}")
    mount(disk)
    for name, job in FIO_JOBS.items():
        fio(MOUNTED, f"--name={name} --size=8M {job}", loops)
        for file in glob.glob(f"{MOUNTED}/{name}*"):
            os.remove(file)
        ok(f"fio {name}")
    with open(f"{MOUNTED}/copy", "wb") as file:
        file.write(pattern("copy", 0) * 8)
    run(f"umount {MOUNTED}")
    mount(disk)
    with open(f"{MOUNTED}/copy", "rb") as file:
        check(file.read() == pattern("copy", 0) * 8, "a file after a mount")
    trimmed = run(f"fstrim -v {MOUNTED}")
    check(int(trimmed.split("(")[1].split()[0]) > MIB, f"fstrim: {trimmed}")
    run(f"umount {MOUNTED}")
    run(f"e2fsck -f -n {disk}")
    ok("filesystem", trimmed.strip())


def mount(disk):
    os.makedirs(MOUNTED, exist_ok=True)
    run(f"mount -t ext4 {disk} {MOUNTED}")


def discard():
    """What is discarded or zeroed reads as zeroes, and its neighbours are as they were."""
    disk = await_node(1)
    write_pattern(disk, "discard")
    run(f"blkdiscard --offset {PATTERN_STRIDE} --length {MIB} {disk}")
    run(f"blkdiscard --zeroout --offset {2 * PATTERN_STRIDE} --length {MIB} {disk}")
    run(f"blockdev --flushbufs {disk}")
    with open(disk, "rb") as file:
        for index, gone in (0, False), (1, True), (2, True), (3, False):
            at = index * PATTERN_STRIDE
            file.seek(at)
            wanted = bytes(MIB) if gone else pattern("discard", at)
            check(file.read(MIB) == wanted, f"the MiB at {at}")
    ok("discard")


def format():
    """4 KiB and 512-byte blocks; each time the data is gone, and the new blocks hold new data."""
    disk = await_node(1)
    whole = size(disk)
    for block, seed in (4096, "large"), (512, "small"):
        write_pattern(disk, "before " + seed)
        forms = nvme(f"id-ns {disk}")["lbafs"]
        index = next(i for i, f in enumerate(forms) if 1 << f["ds"] == block and f["ms"] == 0)
        run(f"nvme format {disk} --lbaf={index} --force")
        disk = await_("the new block size", lambda: node(1) if node(1) and queue(node(1), "logical_block_size") == block else None)
        check(size(disk) == whole, "the size after the format")
        run(f"blockdev --flushbufs {disk}")
        with open(disk, "rb") as file:
            for at in range(0, whole, MIB):
                check(file.read(MIB) == bytes(MIB), f"data is left at {at} after the format")
        write_pattern(disk, seed)
        check(has_pattern(disk, seed), "what was written after the format")
        ok(f"format {block}", f"lbaf {index}")


def attach():
    """nvme-cli takes namespace 2 away from the controller, and gives it back."""
    controller = nvme("id-ctrl /dev/nvme0")["cntlid"]
    disk = await_node(2)
    write_pattern(disk, "second")
    for _ in range(2):
        run(f"nvme detach-ns /dev/nvme0 -n 2 -c {controller}")
        await_("the end of namespace 2", lambda: node(2) is None)
        check([i["nsid"] for i in nvme("list-ns /dev/nvme0")["nsid_list"]] == [1], "the active list")
        check([i["nsid"] for i in nvme("list-ns /dev/nvme0 -a")["nsid_list"]] == [1, 2], "the allocated list")
        run(f"nvme attach-ns /dev/nvme0 -n 2 -c {controller}")
        disk = await_node(2)
        check(has_pattern(disk, "second"), "the data of namespace 2")
    ok("attach")


def follow(nsid):
    """Says when a namespace has come, of which size, and when it has gone, until it has gone."""
    nsid = int(nsid)
    check(node(nsid) is None, f"namespace {nsid} is there already")
    ok("follow")
    disk = await_node(nsid)
    write_pattern(disk, "followed")
    check(has_pattern(disk, "followed"), "the data of the new namespace")
    ok(f"came {nsid}", str(size(disk)))
    await_(f"the end of namespace {nsid}", lambda: node(nsid) is None)
    ok(f"gone {nsid}")


def reset():
    """The controller is reset, taken from its driver and given back; the data stays."""
    disk = await_node(1)
    write_pattern(disk, "reset")
    run("nvme reset /dev/nvme0")
    check(has_pattern(await_node(1), "reset"), "the data after a controller reset")
    address = os.path.basename(os.readlink("/sys/class/nvme/nvme0/device"))
    for action in "unbind", "bind":
        with open(f"/sys/bus/pci/drivers/nvme/{action}", "w") as file:
            file.write(address)
    check(has_pattern(await_node(1), "reset"), "the data after the driver came back")
    ok("reset")


def keep(seed):
    """Says whether the pattern was there already; if not it is now."""
    disk = await_node(1)
    if has_pattern(disk, seed):
        ok(f"kept {seed}")
    else:
        write_pattern(disk, seed)
        check(has_pattern(disk, seed), f"pattern {seed} just after it was written")
        ok(f"written {seed}")


def gaps(loops="1"):
    """fio on the disk itself, where the pattern is not."""
    block = queue(await_node(1), "logical_block_size")
    fio("/", f"--name=gaps --filename={await_node(1)} --offset=1M --offset_increment=4M --size=3M --iodepth=32"
        f" --ioengine=io_uring --blockalign={block} --bsrange={block}-64k", loops)
    ok("gaps")


def rounds(seed, loops="1"):
    """The first time loads the disk until the guest is reset from outside, the next time once: with the data of the first."""
    disk = await_node(1)
    again = has_pattern(disk, seed)
    if not again:
        write_pattern(disk, seed)
    ok("kept" if again else "written", seed)
    count = 0
    while not (again and count):
        gaps(loops)
        count += 1
        ok(f"round {count}")


def root():
    device = [line.split()[0] for line in read("/proc/mounts").splitlines() if line.split()[1] == "/"]
    check(device == ["/dev/nvme0n1"], f"the root file system is {device}")
    with open("/root/made", "wb") as file:
        file.write(pattern("root", 0))
        os.fsync(file.fileno())
    fio("/root", "--name=root --size=8M --iodepth=8 --ioengine=libaio")
    ok("root")


def wait():
    ok("wait")
    time.sleep(1000)


STEPS = {f.__name__.replace("_", "-"): f for f in (
    identify, logs, features, refused_read, filesystem, discard, format, attach, follow, reset, keep, gaps, rounds, root, wait)}
for step in sys.argv[1:]:
    name, *arguments = step.split(":")
    STEPS[name](*arguments)
print("NVME-DONE", flush=True)
