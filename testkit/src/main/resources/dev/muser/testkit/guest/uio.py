"""A driver in the guest's user space without an IOMMU: uio_pci_generic, INTx only.

DMA goes to physical memory that the kernel was told to leave alone, by memmap=1M$0x4000000 on its
command line; /dev/mem gives access to it.
"""

import glob
import os
import select

import pci

RESERVED = 0x4000000
RESERVED_SIZE = 0x100000


class Uio:
    """Owns a device. uio_pci_generic masks INTx in COMMAND when one comes; rearm() unmasks it.

    For that the device must have a writable INTx Disable bit in COMMAND, and show in STATUS
    whether its interrupt is pending: else Linux takes the interrupt for somebody else's.
    """

    def __init__(self, device):
        pci.modprobe("uio_pci_generic")
        self.device = device
        device.bind("uio_pci_generic")
        self.fd = os.open("/dev/" + os.path.basename(glob.glob(device.path + "uio/uio*")[0]), os.O_RDWR)
        config = device.config
        config.write(pci.COMMAND, config.read(pci.COMMAND, 2) | pci.COMMAND_MASTER, 2)

    def bar(self, index):
        return self.device.bar(index)

    def dma(self, size):
        """Returns memory for the device, and its bus address."""
        assert size <= RESERVED_SIZE
        fd = os.open("/dev/mem", os.O_RDWR | os.O_SYNC)
        return pci.Mapped(fd, size, RESERVED), RESERVED

    def intx(self):
        self.rearm()

    def wait(self, seconds=60):
        """Waits for an interrupt; returns whether one came."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        os.read(self.fd, 4)
        return True

    def rearm(self):
        config = self.device.config
        config.write(pci.COMMAND, config.read(pci.COMMAND, 2) & ~pci.COMMAND_INTX_DISABLE, 2)
