"""Drives the ACCES PCI-IDIO-16 (494f:0dc8) by Linux's own driver, gpio-pci-idio-16.

The driver gives 32 lines: OUT0 to OUT15, then IIN0 to IIN15. For each word that it puts out the
script prints what it reads back:
    WROTE 0x8001 OUT 0x8001 IN 0x0000
What the inputs should be the device knows, and so the host judges them.

idio16.py loopback: with inputs that are wired to the outputs; idio16.py counter: with inputs that count up, by one
every third time that they are read. Both judge what they read, and go on until the guest is reset or ended.
"""

import glob
import itertools
import os
import random
import subprocess
import sys

import pci
from pci import check, ok, write

GPIO = "/sys/class/gpio/"
LINES = 16


def value(line):
    return int(open(f"{GPIO}{line}/value").read())


def word(prefix):
    return sum(value(f"{prefix}{i}") << i for i in range(LINES))


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def character_device(device):
    """By the tools of libgpiod: what the lines are, and one output set and read."""
    chip = os.path.basename(glob.glob(device.path + "gpiochip*")[0])
    lines = [line.split() for line in run("gpioinfo", "-c", chip).splitlines()[1:]]
    wanted = [f'"OUT{i}" output' for i in range(LINES)] + [f'"IIN{i}" input' for i in range(LINES)]
    for i, line in enumerate(wanted):
        # line 0: "OUT0" output
        if " ".join(lines[i][2:4]) != line:
            pci.fail(f"line-{i}", f"is {lines[i]}, expected {line}")
    ok("names-and-directions")
    for value in ("1", "0"):
        run("gpioset", "-c", chip, "-t", "0", f"OUT3={value}")
        check(f"gpioset-{value}", int(run("gpioget", "-c", chip, "-a", "--numeric", "OUT3")), int(value))


def export(device):
    """Makes the lines visible in sysfs, under the names that the driver has given them."""
    chips = glob.glob(device.path + "gpio/gpiochip*")
    check("one-gpio-chip", len(chips), 1)
    check("lines", int(open(chips[0] + "/ngpio").read()), 2 * LINES)
    base = int(open(chips[0] + "/base").read())
    for i in range(2 * LINES):
        write(GPIO + "export", str(base + i))
    return base


def put(wanted):
    for i in range(LINES):
        bit = wanted >> i & 1
        if value(f"OUT{i}") != bit:
            write(f"{GPIO}OUT{i}/value", str(bit))
    out, inputs = word("OUT"), word("IIN")
    print(f"WROTE {wanted:#06x} OUT {out:#06x} IN {inputs:#06x}", flush=True)
    check(f"outputs-{wanted:#06x}", out, wanted)


def loopback():
    for count in itertools.count(1):
        wanted = random.getrandbits(LINES)
        put(wanted)
        check_quietly(f"inputs-{wanted:#06x}", word("IIN"), wanted)
        ok(f"round {count}")


def counter(device):
    """No read may be lost, and none be done twice: so they go past the driver, to the register of inputs 0 to 7."""
    base = int(open(device.path + "resource").read().splitlines()[2].split()[0], 16)
    with open("/dev/port", "rb", buffering=0) as ports:

        def inputs():
            return os.pread(ports.fileno(), 1, base + 1)[0]

        first = now = inputs()
        while now == first:
            now = inputs()
        for read in itertools.count(1):
            check_quietly(f"inputs-{read}", inputs(), (now + read // 3) & 0xFF)
            if read % 1000 == 0:
                ok(f"round {read // 1000}")


def check_quietly(name, actual, wanted):
    if actual != wanted:
        check(name, actual, wanted)


def main():
    device = pci.Device.find(0x494F, 0x0DC8)
    ok(f"found {device.address}")
    pci.modprobe("gpio-pci-idio-16")
    driver = device.driver()
    if driver != "pci-idio-16":
        pci.fail("driver", f"{driver} has the device, see dmesg")
    ok(f"driver {driver}")
    character_device(device)
    if sys.argv[1:] == ["counter"]:
        counter(device)
    base = export(device)
    if sys.argv[1:] == ["loopback"]:
        loopback()
    for i in range(LINES):
        put(1 << i)
    for wanted in (0xFFFF, 0x8001, 0x5AA5, 0x0000):
        put(wanted)
    for i in range(2 * LINES):
        write(GPIO + "unexport", str(base + i))
    write(device.path + "driver/unbind", device.address)
    check("unbound", int(os.path.exists(device.path + "driver")), 0)
    write("/sys/bus/pci/drivers_probe", device.address)
    check("bound-again", int(device.driver() == "pci-idio-16"), 1)
    print("IDIO16-DONE", flush=True)


if __name__ == "__main__":
    main()
