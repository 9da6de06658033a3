"""What `sam build` has made, as Lambda would get it: one program for all functions, for the processor that was asked for, that
needs no newer glibc than provided.al2023 has, and small. Called by .ci/judge-package."""

import hashlib
import io
import re
import sys
import zipfile
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

GLIBC_OF_AL2023 = (2, 34)
ZIPPED_LIMIT = 4 * 1024 * 1024
MACHINES = {62: "x86_64", 183: "arm64"}

build, wanted = Path(sys.argv[1]), sys.argv[2]
resources = yaml_parse((build / "template.yaml").read_text())["Resources"]
functions = {name: each for name, each in resources.items() if each["Type"] == "AWS::Serverless::Function"}
programs = {}
for name, function in functions.items():
    folder = build / function["Properties"]["CodeUri"]
    files = [each.name for each in folder.iterdir()]
    if files != ["bootstrap"]:
        sys.exit(f"package: {name} has {files}, not a bootstrap alone")
    program = (folder / "bootstrap").read_bytes()
    programs.setdefault(hashlib.sha256(program).hexdigest(), []).append(name)
if len(functions) != 15 or len(programs) != 1:
    sys.exit(f"package: {len(functions)} functions have {len(programs)} programs: {sorted(programs.values())}")

if program[:4] != b"\x7fELF":
    sys.exit("package: bootstrap is no ELF program")
machine = MACHINES.get(int.from_bytes(program[18:20], "little"), "another processor")
# The names of the versions stand in the table of strings that the dynamic linker reads.
versions = {tuple(map(int, found.split(b"."))) for found in re.findall(rb"\0GLIBC_([0-9.]+)(?=\0)", program)}
newest = max(versions, default=(0,))
archive = io.BytesIO()
with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
    zipped.writestr("bootstrap", program)
size = len(archive.getvalue())
print(
    f"package: {len(functions)} functions, one program for {machine}: {len(program):,} bytes, {size:,} zipped; "
    f"needs glibc {'.'.join(map(str, newest))}"
)
if machine != wanted:
    sys.exit(f"package: the program is for {machine}, not for {wanted}")
if not versions or newest > GLIBC_OF_AL2023:
    sys.exit(f"package: provided.al2023 has glibc 2.34, the program needs {sorted(versions)}")
if size > ZIPPED_LIMIT:
    sys.exit(f"package: more than {ZIPPED_LIMIT:,} bytes")
