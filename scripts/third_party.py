"""Writes the licences of every crate in the binary: third_party.py FILE

From `cargo metadata`: name, version, licence and the texts that the crate brings, each text once. Crates that only build or test are
left out, and so are our own.
"""

import glob
import hashlib
import json
import os
import re
import subprocess
import sys

ROOT = "sensorium-cli"
TEXTS = re.compile(r"^(licen[cs]e|copying|notice|copyright|unlicense)", re.IGNORECASE)
# Libraries in C and C++ that crates bring along, where their sources lie in the crate, and the names of their texts.
BUNDLED = ["*/LICENSE*", "*/COPYING*", "*/*/LICENSE*", "*/*/COPYING*", "*/README.ijg"]


def linked(metadata):
    """The packages that the root links: normal dependencies of normal dependencies."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    root = next(key for key, package in packages.items() if package["name"] == ROOT)
    seen, open_ids = set(), [root]
    while open_ids:
        here = open_ids.pop()
        if here in seen:
            continue
        seen.add(here)
        for dep in nodes[here]["deps"]:
            if any(kind["kind"] is None for kind in dep["dep_kinds"]):
                open_ids.append(dep["pkg"])
    return [packages[key] for key in seen]


def texts_of(package):
    """Paths of the texts of a package, by their name in it."""
    folder = os.path.dirname(package["manifest_path"])
    found = {name: os.path.join(folder, name) for name in sorted(os.listdir(folder)) if TEXTS.match(name)}
    if package["license_file"]:
        found.setdefault(package["license_file"], os.path.join(folder, package["license_file"]))
    for pattern in BUNDLED:
        for path in sorted(glob.glob(os.path.join(folder, pattern))):
            found[os.path.relpath(path, folder)] = path
    return {name: path for name, path in found.items() if os.path.isfile(path)}


def main(target):
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", platform()]
    metadata = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    packages = [package for package in linked(metadata) if package["source"]]
    packages.sort(key=lambda package: (package["name"], package["version"]))
    texts, lines, without = {}, [], []
    for package in packages:
        references = []
        for name, path in texts_of(package).items():
            with open(path, encoding="utf-8", errors="replace") as file:
                text = "\n".join(line.rstrip() for line in file.read().strip().splitlines())
            key = hashlib.sha256(" ".join(text.split()).encode()).hexdigest()
            number, _ = texts.setdefault(key, (len(texts) + 1, text))
            references.append(f"{name} [{number}]")
        said = package["license"] or "see its text"
        if not references:
            without.append(package["name"])
        authors = ", ".join(package["authors"]) or "its authors"
        brings = ", ".join(references) or "no text of its own"
        lines.append(f"{package['name']} {package['version']}: {said}; by {authors}; {brings}")
    os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
    with open(target, "w", encoding="utf-8") as out:
        out.write("Crates that the sensorium binary is made of, with their licences. Numbers are of the texts below; where a crate\n")
        out.write("brings no text of its own, that of its licence is meant, which stands below or in LICENSE-APACHE and LICENSE-MIT.\n\n")
        out.write("\n".join(lines) + "\n")
        for number, text in sorted(texts.values()):
            out.write(f"\n{'=' * 100}\n[{number}]\n\n{text}\n")
    print(f"{len(packages)} crates, {len(texts)} texts, {len(without)} crates without one: {target}")


def platform():
    """The target of this toolchain."""
    said = subprocess.run(["rustc", "-vV"], stdout=subprocess.PIPE, check=True).stdout.decode()
    return next(line.split(": ")[1] for line in said.splitlines() if line.startswith("host"))


if __name__ == "__main__":
    main(sys.argv[1])
