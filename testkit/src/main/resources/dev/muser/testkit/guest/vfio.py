"""A driver in the guest's user space behind a virtual IOMMU: vfio-pci; INTx, MSI and MSI-X.

Needs an IOMMU in the guest: -device intel-iommu,caching-mode=on and intel_iommu=on.
The numbers and structures are those of linux/vfio.h, for type1 containers.
"""

import ctypes
import fcntl
import mmap
import os
import select
import struct

import pci


def _io(number):
    return ord(";") << 8 | 100 + number


SET_IOMMU, GROUP_GET_STATUS, GROUP_SET_CONTAINER, GROUP_GET_DEVICE_FD = (_io(n) for n in (2, 3, 4, 6))
DEVICE_GET_INFO, DEVICE_GET_REGION_INFO, DEVICE_GET_IRQ_INFO = (_io(n) for n in (7, 8, 9))
DEVICE_SET_IRQS, DEVICE_RESET = (_io(n) for n in (10, 11))
IOMMU_MAP_DMA, IOMMU_UNMAP_DMA = (_io(n) for n in (13, 14))

TYPE1V2_IOMMU = 3
CONFIG_REGION = 7
REGION_MMAP = 4
INTX, MSI, MSIX = 0, 1, 2
DATA_NONE, DATA_EVENTFD, ACTION_UNMASK, ACTION_TRIGGER = 0x1, 0x4, 0x10, 0x20
IOVA = 0x100000


class Vfio:
    """Owns a device."""

    def __init__(self, device):
        pci.modprobe("vfio-pci", "vfio_iommu_type1")
        device.bind("vfio-pci")
        group = os.path.basename(os.readlink(device.path + "iommu_group"))
        self.container = os.open("/dev/vfio/vfio", os.O_RDWR)
        self.group = os.open("/dev/vfio/" + group, os.O_RDWR)
        fcntl.ioctl(self.group, GROUP_SET_CONTAINER, struct.pack("=i", self.container))
        fcntl.ioctl(self.container, SET_IOMMU, TYPE1V2_IOMMU)
        # Mutable, since only then ioctl() returns what the kernel returned.
        name = bytearray(device.address.encode() + b"\0")
        self.fd = fcntl.ioctl(self.group, GROUP_GET_DEVICE_FD, name)
        _, _, offset = self.region(CONFIG_REGION)
        self.config = pci.Ports(self.fd, 4096, offset)
        command = self.config.read(pci.COMMAND, 2)
        self.config.write(pci.COMMAND, command | pci.COMMAND_MEMORY | pci.COMMAND_MASTER, 2)
        self.next_iova = IOVA
        self.index, self.events = None, []

    def region(self, index):
        """Returns flags, size and offset of a region."""
        # argsz, flags, index, cap_offset, size, offset
        info = bytearray(struct.pack("=IIIIQQ", 32, 0, index, 0, 0, 0))
        fcntl.ioctl(self.fd, DEVICE_GET_REGION_INFO, info)
        _, flags, _, _, size, offset = struct.unpack("=IIIIQQ", info)
        return flags, size, offset

    def bar(self, index):
        flags, size, offset = self.region(index)
        return (pci.Mapped if flags & REGION_MMAP else pci.Ports)(self.fd, size, offset)

    def dma(self, size):
        """Returns memory for the device, and its bus address: an IOVA, not a physical address."""
        memory = pci.Mapped(-1, size)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory.memory))
        iova = self.next_iova
        self.next_iova += (size + mmap.PAGESIZE - 1) & -mmap.PAGESIZE
        # argsz, flags (read and write), vaddr, iova, size
        fcntl.ioctl(self.container, IOMMU_MAP_DMA, struct.pack("=IIQQQ", 32, 3, address, iova, size))
        return memory, iova

    def irqs(self, index):
        """Returns how many interrupts an index has."""
        # argsz, flags, index, count
        info = bytearray(struct.pack("=IIII", 16, 0, index, 0))
        fcntl.ioctl(self.fd, DEVICE_GET_IRQ_INFO, info)
        return struct.unpack("=IIII", info)[3]

    def interrupts(self, index, count=1):
        """Turns on the first interrupts of an index, and off those of the index before."""
        if self.index is not None:
            self._set_irqs(DATA_NONE | ACTION_TRIGGER, self.index, 0)
        for event in self.events:
            os.close(event)
        self.index = index
        self.events = [os.eventfd(0) for _ in range(count)]
        data = struct.pack(f"={count}i", *self.events)
        self._set_irqs(DATA_EVENTFD | ACTION_TRIGGER, index, count, data)

    def intx(self):
        self.interrupts(INTX)

    def wait(self, seconds=60, vector=0):
        """Waits for an interrupt; returns whether one came."""
        if not select.select([self.events[vector]], [], [], seconds)[0]:
            return False
        os.eventfd_read(self.events[vector])
        return True

    def rearm(self):
        """vfio-pci masks INTx when one comes; MSI needs nothing."""
        if self.index == INTX:
            self._set_irqs(DATA_NONE | ACTION_UNMASK, INTX, 1)

    def _set_irqs(self, flags, index, count, data=b""):
        # argsz, flags, index, start, count, data
        header = struct.pack("=IIIII", 20 + len(data), flags, index, 0, count)
        fcntl.ioctl(self.fd, DEVICE_SET_IRQS, header + data)

    def reset(self):
        fcntl.ioctl(self.fd, DEVICE_RESET)
