"""Links the static MLX of native/build-mlx-linux.sh into a shared one: `shared_mlx.py OUT.so`.

Python MLX then runs the very machine code that the MLX arm runs: with LD_PRELOAD it takes the place of
the wheel's library of the same name and version. The static build hides its symbols, so their
visibility is set to default in a copy of the archive (ELF-64, `st_other`; see elf(5)).
"""

import pathlib
import struct
import subprocess
import sys
import tempfile

SYMBOL_TABLE, GLOBAL, WEAK, HIDDEN = 2, 1, 2, 2


def show(data, start):
    """Makes the hidden symbols of the object file at `start` visible."""
    sections, size, count = struct.unpack_from("<Q", data, start + 40)[0], *struct.unpack_from("<HH", data, start + 58)
    count = count or struct.unpack_from("<Q", data, start + sections + 32)[0]
    for number in range(count):
        kind, offset, length = struct.unpack_from("<I16xQQ", data, start + sections + number * size + 4)
        if kind != SYMBOL_TABLE:
            continue
        for symbol in range(start + offset, start + offset + length, 24):
            if data[symbol + 4] >> 4 in (GLOBAL, WEAK) and data[symbol + 5] & 3 == HIDDEN:
                data[symbol + 5] &= ~3


def show_all(archive):
    """The same for every member of an archive; see ar(5)."""
    place = len(b"!<arch>\n")
    while place < len(archive):
        length = int(archive[place + 48 : place + 58])
        if archive[place + 60 : place + 64] == b"\x7fELF":
            show(archive, place + 60)
        place += 60 + length + length % 2


def main():
    output = pathlib.Path(sys.argv[1]).resolve()
    script = pathlib.Path(__file__).resolve().parent.parent / "native/build-mlx-linux.sh"
    prefix = subprocess.run([script, "--prefix-only"], check=True, capture_output=True, text=True).stdout.strip()
    archive = bytearray(pathlib.Path(prefix, "lib/libmlx.a").read_bytes())
    show_all(archive)
    with tempfile.NamedTemporaryFile(suffix=".a") as visible:
        visible.write(archive)
        visible.flush()
        whole = ["-Wl,--whole-archive", visible.name, "-Wl,--no-whole-archive"]
        flags = ["-shared", "-Wl,-soname,libmlx.so", "-Wl,-Bsymbolic"]
        libraries = ["-lopenblas", "-llapacke", "-lpthread", "-ldl"]
        subprocess.run(["g++", *flags, "-o", output, *whole, *libraries], check=True)


main()
