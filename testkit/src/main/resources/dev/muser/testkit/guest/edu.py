"""Drives the edu device (1234:11e8) through all that its specification gives it.

edu.py [VENDOR:DEVICE]. With an IOMMU in the guest the device is driven by vfio-pci, and MSI is
tried too, without one by uio_pci_generic.

BAR0, 1 MiB:
    0x00 RO  identification, 0xRRrr00ed
    0x04 RW  liveness: reads the inverse of what was written
    0x08 RW  factorial: reads the factorial of what was written, modulo 2^32
    0x20 RW  status: bit 0 computing (RO), bit 7 raise interrupt 1 when the factorial is done
    0x24 RO  interrupt status: the pending interrupts
    0x60 WO  raise: bits are added to the interrupt status
    0x64 WO  acknowledge: bits are taken from the interrupt status
    0x80 RW  DMA source       0x88 RW  DMA destination      0x90 RW  DMA count
    0x98 RW  DMA command: bit 0 run, bit 1 from the device to memory, bit 2 raise interrupt 0x100
    0x40000  the device's buffer, 4096 bytes, for DMA alone
"""

import math
import sys

import pci
from pci import check, ok, until
from uio import Uio
from vfio import MSI, Vfio

ID, LIVENESS, FACTORIAL, STATUS, IRQ_STATUS, RAISE, ACKNOWLEDGE = 0, 4, 8, 0x20, 0x24, 0x60, 0x64
DMA_SOURCE, DMA_DESTINATION, DMA_COUNT, DMA_COMMAND = 0x80, 0x88, 0x90, 0x98
COMPUTING, IRQ_FACTORIAL = 0x01, 0x80
RUN, TO_MEMORY, IRQ_DMA = 1, 2, 4
BUFFER, BUFFER_SIZE = 0x40000, 4096


def registers(bar):
    check("bar0-size", bar.size, 0x100000)
    check("identification", bar.read(ID) & 0xFFFF, 0x00ED)
    bar.write(ID, 0xFFFFFFFF)
    check("identification-read-only", bar.read(ID), 0x010000ED)
    for value in (0, 0xFFFFFFFF, 0x12345678, 0x80000001):
        bar.write(LIVENESS, value)
        check(f"liveness-{value:#x}", bar.read(LIVENESS), value ^ 0xFFFFFFFF)
    bar.write(STATUS, 0)
    for n in (0, 1, 2, 5, 12, 13, 40):
        bar.write(FACTORIAL, n)
        until(f"factorial-{n}", lambda: not bar.read(STATUS) & COMPUTING)
        check(f"factorial-{n}", bar.read(FACTORIAL), math.factorial(n) % 2**32)
    check("no-interrupt-asked", bar.read(IRQ_STATUS), 0)
    bar.write(STATUS, IRQ_FACTORIAL | COMPUTING)
    check("status-computing-read-only", bar.read(STATUS), IRQ_FACTORIAL)
    bar.write(STATUS, 0)


def interrupt(driver, bar, name, status, cause):
    """Causes an interrupt; sees it arrive, in the status too; acknowledges it."""
    cause()
    if not driver.wait():
        pci.fail(name, "no interrupt arrived")
    check(f"{name}-status", bar.read(IRQ_STATUS), status)
    bar.write(ACKNOWLEDGE, status)
    check(f"{name}-acknowledged", bar.read(IRQ_STATUS), 0)
    driver.rearm()


def interrupts(driver, bar, kind):
    for bits in (1, 0x80000000, 0x55AA):
        interrupt(driver, bar, f"{kind}-raise-{bits:#x}", bits, lambda: bar.write(RAISE, bits))
    bar.write(STATUS, IRQ_FACTORIAL)
    interrupt(driver, bar, f"{kind}-factorial", 1, lambda: bar.write(FACTORIAL, 6))
    check(f"{kind}-factorial-result", bar.read(FACTORIAL), 720)
    bar.write(STATUS, 0)
    # Acknowledged in two parts: INTx stays asserted until the second.
    bar.write(RAISE, 0x3)
    check(f"{kind}-partly-arrived", int(driver.wait()), 1)
    bar.write(ACKNOWLEDGE, 0x1)
    check(f"{kind}-partly-acknowledged", bar.read(IRQ_STATUS), 0x2)
    if kind == "intx":
        driver.rearm()
        check("intx-still-asserted", int(driver.wait()), 1)
    bar.write(ACKNOWLEDGE, 0x2)
    check(f"{kind}-none-left", bar.read(IRQ_STATUS), 0)
    driver.rearm()
    check(f"{kind}-is-quiet", int(driver.wait(0.2)), 0)


def pattern(seed, count):
    return bytes((seed + i * 7 + (i >> 8) * 13) & 0xFF for i in range(count))


def copy(bar, source, destination, count, command):
    bar.write(DMA_SOURCE, source, 8)
    bar.write(DMA_DESTINATION, destination, 8)
    bar.write(DMA_COUNT, count, 8)
    bar.write(DMA_COMMAND, command | RUN, 8)


def finished(bar):
    return not bar.read(DMA_COMMAND, 8) & RUN


def dma(driver, bar, kind):
    """Memory to the device and back, to another place; all bytes around must stay."""
    memory, bus = driver.dma(0x10000)
    back = 0x8000
    # from, to, count, offset in the device's buffer
    cases = ((0, 0, 4096, 0), (0x1000, 0x2000, 64, 0x20), (0x3003, 0x4001, 1021, 0x301), (0xFF0, 0x1FF8, 32, 0xFE0))
    for seed, (source, target, count, offset) in enumerate(cases, 1):
        name = f"{kind}-dma-{count}"
        before = bytearray(pattern(seed * 31, back))
        memory.fill(0, bytes(before))
        memory.fill(back, b"\xcc" * back)
        copy(bar, bus + source, BUFFER + offset, count, 0)
        until(name, lambda: finished(bar))
        check(f"{name}-source-kept", memory.bytes(0, back), bytes(before))
        copy(bar, BUFFER + offset, bus + back + target, count, TO_MEMORY)
        until(name, lambda: finished(bar))
        expected = bytearray(b"\xcc" * back)
        expected[target : target + count] = before[source : source + count]
        check(name, memory.bytes(back, back), bytes(expected))
        check(f"{name}-registers", bar.read(DMA_COUNT, 8), count)
    check(f"{kind}-dma-no-interrupt-asked", bar.read(IRQ_STATUS), 0)
    memory.fill(0, pattern(99, BUFFER_SIZE))
    run = lambda: copy(bar, bus, BUFFER, BUFFER_SIZE, IRQ_DMA)
    interrupt(driver, bar, f"{kind}-dma-interrupt", 0x100, run)
    check(f"{kind}-dma-finished", int(finished(bar)), 1)


def main(ids="1234:11e8"):
    vendor, model = (int(x, 16) for x in ids.split(":"))
    device = pci.Device.find(vendor, model)
    ok(f"found {device.address}")
    check("class", device.config.read(8) >> 8, 0x00FF00)
    check("interrupt-pin", device.config.read(0x3D, 1), 1)
    check("msi-capability", int(device.capability(5) != 0), 1)
    driver = Vfio(device) if device.has_iommu() else Uio(device)
    ok(f"driver {device.driver()}")
    bar = driver.bar(0)
    registers(bar)
    driver.intx()
    interrupts(driver, bar, "intx")
    dma(driver, bar, "intx")
    if isinstance(driver, Vfio):
        check("msi-vectors", driver.irqs(MSI), 1)
        driver.interrupts(MSI)
        interrupts(driver, bar, "msi")
        dma(driver, bar, "msi")
    print("EDU-DONE", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
