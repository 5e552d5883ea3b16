"""Disks in the guest: commands, NVMe namespaces, patterns. A step says OK or raises."""
import glob
import json
import os
import random
import subprocess
import time

MIB = 1 << 20
PATTERN_STRIDE = 4 * MIB


def ok(step, detail=""):
    print(f"OK {step} {detail}".rstrip(), flush=True)


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def run(command, **options):
    """Runs a command line to its end and returns what it has written; a failure raises."""
    done = subprocess.run(command.split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    check(done.returncode == 0, f"{command}: status {done.returncode}: {done.stdout.strip()}")
    return done.stdout


def status_of(command):
    """Runs a command that may fail: its status, and what it has written."""
    done = subprocess.run(command.split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def nvme(command):
    """What nvme-cli says as JSON."""
    return json.loads(run(f"nvme {command} -o json"))


def read(path):
    with open(path) as file:
        return file.read().strip()


def await_(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < end, f"{what} did not come in {seconds} s")
        time.sleep(0.05)


def node(nsid, controller="nvme0"):
    """The block device of a namespace, None if there is none: Linux numbers them as it finds them."""
    for path in glob.glob(f"/sys/class/block/{controller}n*/nsid"):
        try:
            if int(read(path)) == nsid:
                return "/dev/" + path.split("/")[-2]
        except OSError:
            pass  # it has gone meanwhile
    return None


def await_node(nsid, controller="nvme0"):
    return await_(f"namespace {nsid} of {controller}", lambda: node(nsid, controller))


def queue(disk, name):
    return int(read(f"/sys/class/block/{os.path.basename(disk)}/queue/{name}"))


def size(disk):
    return int(read(f"/sys/class/block/{os.path.basename(disk)}/size")) * 512


def pattern(seed, index):
    return random.Random(f"{seed} {index}").randbytes(MIB)


def write_pattern(disk, seed):
    """A random MiB at every fourth, flushed."""
    with open(disk, "r+b", buffering=0) as file:
        for at in range(0, size(disk) - MIB + 1, PATTERN_STRIDE):
            check(os.pwrite(file.fileno(), pattern(seed, at), at) == MIB, f"a short write at {at}")
        os.fsync(file.fileno())


def has_pattern(disk, seed):
    """Whether the disk has all of the pattern; it is read from the disk, not from the page cache."""
    run(f"blockdev --flushbufs {disk}")
    with open(disk, "rb", buffering=0) as file:
        for at in range(0, size(disk) - MIB + 1, PATTERN_STRIDE):
            if os.pread(file.fileno(), MIB, at) != pattern(seed, at):
                return False
    return True

