"""A PCI device as a Linux guest sees it, and the lines by which a guest script reports.

Runs as root in the guest. The host awaits the lines: each check prints `OK name`, or `FAIL name`
with what was seen, and then the script ends with status 1.
"""

import ctypes
import glob
import mmap
import os
import subprocess
import sys
import time

SYSFS = "/sys/bus/pci/devices/"

COMMAND = 0x04
COMMAND_IO, COMMAND_MEMORY, COMMAND_MASTER, COMMAND_INTX_DISABLE = 0x1, 0x2, 0x4, 0x400
STATUS = 0x06
STATUS_INTERRUPT, STATUS_CAPABILITIES = 0x8, 0x10

WIDTHS = {1: ctypes.c_uint8, 2: ctypes.c_uint16, 4: ctypes.c_uint32, 8: ctypes.c_uint64}


def ok(name):
    print("OK", name, flush=True)


def fail(name, why):
    print(f"FAIL {name}: {why}", flush=True)
    sys.exit(1)


def check(name, actual, expected):
    """Compares numbers, or bytes; a difference ends the script."""
    if actual == expected:
        return ok(name)
    if isinstance(expected, int):
        fail(name, f"read {actual:#x}, expected {expected:#x}")
    if len(actual) != len(expected):
        fail(name, f"{len(actual)} bytes, expected {len(expected)}")
    at = next(i for i in range(len(expected)) if actual[i] != expected[i])
    fail(name, f"byte {at} is {actual[at]:#04x}, expected {expected[at]:#04x}")


def until(name, condition, seconds=60):
    """Waits for a condition; generously, since an emulated guest may be slow."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            fail(name, f"did not happen in {seconds} s")
        time.sleep(0.001)


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def modprobe(*modules):
    for m in modules:
        subprocess.run(["modprobe", m], check=True)


class Mapped:
    """Memory behind a descriptor: each access is one load or store of the width asked for."""

    def __init__(self, fd, size, offset=0):
        self.size = size
        self.memory = mmap.mmap(fd, size, offset=offset)

    def read(self, offset, width=4):
        return WIDTHS[width].from_buffer(self.memory, offset).value

    def write(self, offset, value, width=4):
        WIDTHS[width].from_buffer(self.memory, offset).value = value

    def bytes(self, offset, count):
        return self.memory[offset : offset + count]

    def fill(self, offset, data):
        self.memory[offset : offset + len(data)] = data


class Ports:
    """An I/O BAR in sysfs, or a region of VFIO: pread and pwrite of 1, 2 or 4 bytes."""

    def __init__(self, fd, size, offset=0):
        self.fd, self.size, self.offset = fd, size, offset

    def read(self, offset, width=4):
        return int.from_bytes(os.pread(self.fd, width, self.offset + offset), "little")

    def write(self, offset, value, width=4):
        os.pwrite(self.fd, value.to_bytes(width, "little"), self.offset + offset)


class Device:
    """A device in sysfs."""

    def __init__(self, address):
        self.address = address
        self.path = SYSFS + address + "/"
        self.fd = os.open(self.path + "config", os.O_RDWR | os.O_SYNC)
        self.config = Ports(self.fd, os.fstat(self.fd).st_size)

    @staticmethod
    def find(vendor, device):
        for path in sorted(glob.glob(SYSFS + "*")):
            ids = [int(open(f"{path}/{f}").read(), 16) for f in ("vendor", "device")]
            if ids == [vendor, device]:
                return Device(os.path.basename(path))
        fail("find", f"no PCI device {vendor:04x}:{device:04x} in the guest")

    def has_iommu(self):
        return os.path.exists(self.path + "iommu_group")

    def driver(self):
        link = self.path + "driver"
        return os.path.basename(os.readlink(link)) if os.path.exists(link) else None

    def bind(self, driver):
        """Gives the device to a driver, whatever ids that driver knows."""
        if self.driver():
            write(self.path + "driver/unbind", self.address)
        write(self.path + "driver_override", driver)
        write("/sys/bus/pci/drivers_probe", self.address)
        if self.driver() != driver:
            fail("bind", f"{driver} did not take {self.address}, see dmesg")

    def bar(self, index):
        """A BAR in sysfs; Linux has enabled memory decoding if the device is bound."""
        begin, end, flags = [
            int(x, 16) for x in open(self.path + "resource").read().splitlines()[index].split()
        ]
        fd = os.open(f"{self.path}resource{index}", os.O_RDWR | os.O_SYNC)
        return (Ports if flags & 0x100 else Mapped)(fd, end - begin + 1)

    def capability(self, wanted):
        """The offset of a capability in config space, or 0."""
        if not self.config.read(STATUS, 2) & STATUS_CAPABILITIES:
            return 0
        at = self.config.read(0x34, 1) & ~3
        for _ in range(48):
            if at == 0 or self.config.read(at, 1) == wanted:
                return at
            at = self.config.read(at + 1, 1) & ~3
        fail("capabilities", "the list has a loop")
