"""Rights of the template that nothing used: no run of the simulation, no black-box test. `cargo test` writes down both."""

import pathlib
import sys

from exceptions import compared

written, exceptions_path = pathlib.Path(sys.argv[1]), sys.argv[2]
try:
    unused_by_simulation = set((written / "rights-unused-by-simulation").read_text(encoding="utf-8").splitlines())
    used_by_black_box = set((written / "rights-used-by-black-box").read_text(encoding="utf-8").splitlines())
except FileNotFoundError as missing:
    sys.exit(f"{missing.filename} is not there: run `cargo test` first")
if not used_by_black_box:
    sys.exit("the black-box tests used no right at all: are they written down?")
unused = unused_by_simulation - used_by_black_box
errors = compared({tuple(right.split(": ", 1)): "nothing used this right" for right in unused}, exceptions_path)
print("\n".join(errors) or f"{len(unused)} rights are used by neither simulation nor black-box tests, each with a reason")
sys.exit(bool(errors))
