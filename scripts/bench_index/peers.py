"""Libraries that are measured beside the engine, each behind the same few methods.

`search` answers queries one after another on one thread. Where a library offers a call for many queries that goes through them
one by one, that call is made, so that no library pays for Python between queries; VSAG has none and is called query by query.
"""

import concurrent.futures
import importlib
import json
import os

import numpy as np

THREADS = 2  # that build


class Library:
    """What peer.py calls."""

    module = ""  # the package's name in Python

    def __init__(self, **settings):
        self.set = settings
        # Before any clock runs.
        self.lib = importlib.import_module(self.module)

    def close(self):
        """Lets go of what `build` made; `open` reads it from disk."""

    def set_ef(self, ef):
        """Before the clock runs."""

    def search(self, queries, k, ef, _below):
        """Ids of the nearest, query by query on one thread."""
        return self.batch(queries, k, ef, 1)


class Hnswlib(Library):
    module = "hnswlib"

    def build(self, points, folder):
        index = self.lib.Index("ip", points.shape[1])
        index.init_index(len(points), M=self.set["m"], ef_construction=self.set["ef_construct"], random_seed=1)
        index.add_items(points, num_threads=THREADS)
        index.save_index(os.path.join(folder, "index"))

    def open(self, folder, dim, count, _points):
        self.index = self.lib.Index("ip", dim)
        self.index.load_index(os.path.join(folder, "index"), count)

    def set_ef(self, ef):
        self.index.set_ef(ef)

    def batch(self, queries, k, _ef, threads):
        return self.index.knn_query(queries, k, num_threads=threads)[0]


class Faiss(Library):
    """HNSW over f32, or over scalar codes of 8 bits, which nothing rescores."""

    module = "faiss"

    def build(self, points, folder):
        self.lib.omp_set_num_threads(THREADS)
        metric = self.lib.METRIC_INNER_PRODUCT
        if self.set["kind"] == "flat":
            index = self.lib.IndexHNSWFlat(points.shape[1], self.set["m"], metric)
        else:
            index = self.lib.IndexHNSWSQ(points.shape[1], self.lib.ScalarQuantizer.QT_8bit, self.set["m"], metric)
        index.hnsw.efConstruction = self.set["ef_construct"]
        index.train(points)
        index.add(points)
        self.lib.write_index(index, os.path.join(folder, "index"))

    def open(self, folder, _dim, _count, _points):
        self.index = self.lib.read_index(os.path.join(folder, "index"))

    def set_ef(self, ef):
        self.index.hnsw.efSearch = ef

    def batch(self, queries, k, _ef, threads):
        self.lib.omp_set_num_threads(threads)
        return self.index.search(queries, k)[1]


class Usearch(Library):
    module = "usearch.index"

    def index_of(self, dim):
        metric = "ip" if self.set["dtype"] == "f32" else "cos"
        return self.lib.Index(
            ndim=dim, metric=metric, dtype=self.set["dtype"], connectivity=self.set["m"], expansion_add=self.set["ef_construct"]
        )

    def build(self, points, folder):
        index = self.index_of(points.shape[1])
        index.add(np.arange(len(points)), points, threads=THREADS)
        index.save(os.path.join(folder, "index"))

    def open(self, folder, dim, _count, _points):
        self.index = self.index_of(dim)
        self.index.load(os.path.join(folder, "index"))

    def set_ef(self, ef):
        self.index.expansion_search = ef

    def batch(self, queries, k, _ef, threads):
        return self.index.search(queries, k, threads=threads).keys


class Rabitq(Library):
    """SymphonyQG: a graph whose nodes carry their neighbours' 1-bit codes; vectors as f32 (`bits` 0) or codes."""

    module = "rabitqlib"

    def build(self, points, folder):
        index = self.lib.SymqgIndex(points.shape[1], self.set["degree"], metric="ip", quantization_bits=self.set["bits"])
        index.build(points, self.set["ef_construct"], num_threads=THREADS)
        index.save(os.path.join(folder, "index"))

    def open(self, folder, _dim, _count, _points):
        self.index = self.lib.SymqgIndex.load(os.path.join(folder, "index"))

    def batch(self, queries, k, ef, threads):
        return self.index.search(queries, k, ef, num_threads=threads)[0]


class Glass(Library):
    module = "glass"

    def build(self, points, folder):
        self.lib.set_num_threads(THREADS)
        index = self.lib.Index("HNSW", "IP", "FP32", R=self.set["degree"], L=self.set["ef_construct"])
        index.build(points).save(os.path.join(folder, "index"))

    def open(self, folder, _dim, _count, points):
        graph = self.lib.Graph(os.path.join(folder, "index"))
        # Codes are walked, and the vectors rescore.
        self.searcher = self.lib.Searcher(graph, points(), "IP", self.set["quant"], "FP32")
        self.searcher.optimize(1)

    def set_ef(self, ef):
        self.searcher.set_ef(ef)

    def batch(self, queries, k, _ef, threads):
        found = self.searcher.batch_search(queries, k, num_threads=threads)
        return found[0] if isinstance(found, tuple) else found


class Vsag(Library):
    """HGraph over codes of 8 bits, rescored by f32."""

    module = "pyvsag"

    def index_of(self, dim):
        self.lib.set_logger_off()
        parameters = {
            "dtype": "float32", "metric_type": "ip", "dim": dim,
            "index_param": {
                "base_quantization_type": "sq8", "max_degree": self.set["degree"], "ef_construction": self.set["ef_construct"],
                "use_reorder": True, "precise_quantization_type": "fp32", "build_thread_count": THREADS,
            },
        }  # fmt: skip
        return self.lib.Index("hgraph", json.dumps(parameters))

    def build(self, points, folder):
        index = self.index_of(points.shape[1])
        index.build(points.ravel(), np.arange(len(points), dtype=np.int64), len(points), points.shape[1])
        index.save(os.path.join(folder, "index"))

    def open(self, folder, dim, _count, _points):
        self.index = self.index_of(dim)
        self.index.load(os.path.join(folder, "index"))

    def search(self, queries, k, ef, _below):
        parameters = json.dumps({"hgraph": {"ef_search": ef}})
        return [self.index.knn_search(query, k, parameters)[0] for query in queries]

    def batch(self, queries, k, ef, threads):
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            shares = pool.map(lambda share: self.search(share, k, ef, None), np.array_split(queries, threads))
            return [ids for share in shares for ids in share]


LIBRARIES = {
    "hnswlib": Hnswlib, "faiss": Faiss, "usearch": Usearch, "rabitqlib": Rabitq, "glass": Glass, "vsag": Vsag,
}  # fmt: skip
