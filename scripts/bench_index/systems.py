"""What is measured: systems with their settings and grids. Plain Python."""

import dataclasses
import hashlib
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = "sensorium"
GRID = (10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
# What decides an index of ours: its cached indexes and figures are of this source.
SOURCES = ("crates/index/src", "crates/kernels/src", "crates/types/src", "benches/src/bin/bench_index/store.rs", "Cargo.lock")


@dataclasses.dataclass(frozen=True)
class System:
    """A library or a database with the settings that it is built with."""

    name: str
    library: str  # the key of peers.LIBRARIES or databases.DATABASES
    package: str  # on PyPI
    settings: tuple  # of pairs
    grid: tuple = GRID

    @property
    def key(self):
        """Names a built index of it, with the package's version."""
        text = json.dumps([self.package, version(self.package), self.settings])
        return f"{self.library}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def argv(self):
        return [sys.executable, "-m", "bench_index.peer", self.library, json.dumps(dict(self.settings))]


@dataclasses.dataclass(frozen=True)
class Engine(System):
    """The engine itself."""

    @property
    def key(self):
        return f"{OURS}-{sources_digest()}"

    def argv(self):
        program = os.environ.get("SENSORIUM_BENCH_INDEX", "")
        if not os.path.isfile(program):
            sys.exit("SENSORIUM_BENCH_INDEX names no file: run this by make bench-index")
        return [program, "engine"]


def of(name, library, package, **settings):
    return System(name, library, package, tuple(sorted(settings.items())))


# Levels above 0 have `m` links, level 0 twice as many; `degree` is level 0's bound itself.
LIBRARIES = (
    of("hnswlib M16", "hnswlib", "hnswlib", m=16, ef_construct=200),
    of("hnswlib M32", "hnswlib", "hnswlib", m=32, ef_construct=200),
    of("usearch f32", "usearch", "usearch", dtype="f32", m=16, ef_construct=200),
    of("usearch i8", "usearch", "usearch", dtype="i8", m=16, ef_construct=200),
    of("faiss HNSW", "faiss", "faiss-cpu", kind="flat", m=16, ef_construct=200),
    of("faiss HNSW SQ8", "faiss", "faiss-cpu", kind="sq8", m=16, ef_construct=200),
    of("VSAG HGraph SQ8", "vsag", "pyvsag", degree=32, ef_construct=300),
    of("Glass SQ8U", "glass", "pyglass-portable", quant="SQ8U", degree=32, ef_construct=200),
)
RABITQ = (
    of("SymphonyQG", "rabitqlib", "rabitqlib", degree=32, ef_construct=200, bits=0),
    of("SymphonyQG 8 bit", "rabitqlib", "rabitqlib", degree=32, ef_construct=200, bits=8),
)
DATABASES = (
    of("zvec", "zvec", "zvec", m=16, ef_construct=200),
    of("qdrant-edge", "qdrant-edge", "qdrant-edge-py", m=16, ef_construct=200),
    of("lancedb", "lancedb", "lancedb", m=16, ef_construct=200),
)
# Of these no write reaches stable storage before it is acknowledged: strace shows neither fsync nor msync.
UNSYNCED = ("lancedb",)
ENGINE = Engine(OURS, OURS, "", ())


def version(package):
    """The installed version, empty where there is none."""
    from importlib import metadata

    try:
        return metadata.version(package) if package else ""
    except metadata.PackageNotFoundError:
        return ""


def pins():
    """{package: version} of requirements.txt."""
    with open(os.path.join(HERE, "requirements.txt")) as lines:
        return dict(line.strip().split("==") for line in lines if "==" in line)


def sources_digest():
    """A short name for the engine's source, as it lies in the working tree."""
    root = os.path.join(HERE, "..", "..")
    sha = hashlib.sha256()
    for source in SOURCES:
        path = os.path.join(root, source)
        files = [path] if os.path.isfile(path) else [os.path.join(d, f) for d, _, fs in os.walk(path) for f in fs]
        for file in sorted(files):
            sha.update(os.path.relpath(file, root).encode())
            with open(file, "rb") as content:
                sha.update(content.read())
    return sha.hexdigest()[:12]
