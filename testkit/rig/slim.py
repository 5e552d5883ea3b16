"""slim.py FROM TO LIBRARY...: a copy of an ELF program or library that does without some libraries.

What it would take from them becomes weak, so that it is 0 and not an error: fine as long as it is
never called. fio is linked to the clients of Ceph, Gluster and others, 50 MB that no test needs.

Only 64-bit little-endian files with section headers, as Debian's are.
"""
import struct
import sys

DYNAMIC, DYNSYM, VERNEED = 6, 11, 0x6FFFFFFE
NEEDED = 1
GLOBAL, WEAK = 1, 2

source, target, *unwanted = sys.argv[1:]
with open(source, "rb") as file:
    elf = bytearray(file.read())

section_table, = struct.unpack_from("<Q", elf, 0x28)
entry_size, count = struct.unpack_from("<HH", elf, 0x3A)
# name type flags address offset size link info align entsize
sections = [struct.unpack_from("<IIQQQQIIQQ", elf, section_table + i * entry_size) for i in range(count)]
by_type = {section[1]: section for section in sections}
strings = sections[by_type[DYNSYM][6]][4]


def text(offset):
    start = strings + offset
    return elf[start:elf.index(0, start)].decode()


def is_unwanted(offset):
    return any(text(offset).startswith(name + ".so") for name in unwanted)


_, _, _, _, at, size, *_ = by_type[DYNAMIC]
entries = [struct.unpack_from("<QQ", elf, i) for i in range(at, at + size, 16)]
kept = [e for e in entries if not (e[0] == NEEDED and is_unwanted(e[1]))]
kept += [(0, 0)] * (len(entries) - len(kept))
for i, entry in enumerate(kept):
    struct.pack_into("<QQ", elf, at + i * 16, *entry)

# Symbols: name info other section value size
_, _, _, _, at, size, *_ = by_type[DYNSYM]
for i in range(at, at + size, 24):
    _, info, _, section = struct.unpack_from("<IBBH", elf, i)
    if section == 0 and info >> 4 == GLOBAL:
        elf[i + 4] = WEAK << 4 | info & 15

# Versions that libraries must have, a chain: version count file auxiliary next. The first is not
# unlinked but passes its place on, since the dynamic section points to it.
at = by_type[VERNEED][4]
chain = []
while True:
    version, number, name, auxiliary, following = struct.unpack_from("<HHIII", elf, at)
    if not is_unwanted(name):
        chain.append((at, version, number, name, at + auxiliary))
    if following == 0:
        break
    at += following
places = [by_type[VERNEED][4]] + [link[0] for link in chain[1:]]
for i, (_, version, number, name, auxiliary) in enumerate(chain):
    after = places[i + 1] - places[i] if i + 1 < len(places) else 0
    struct.pack_into("<HHIII", elf, places[i], version, number, name, auxiliary - places[i], after)

with open(target, "wb") as file:
    file.write(elf)
