"""Databases that run in the caller's process, behind the methods that peer.py calls. Each keeps a number `group` beside a vector,
with an index of its own where the database has one, and is asked query by query: what a user of its Python package waits for.
"""

import os

from bench_index.data import groups
from bench_index.peers import THREADS, Library

CHUNK = 1_000  # points of one call while an index is built
REFINE = 2  # times k that LanceDB rescores


class Database(Library):
    """`create` and `write` are measured as durable writes; `build` fills and indexes."""

    def build(self, points, folder):
        self.create(folder, points.shape[1])
        for start in range(0, len(points), CHUNK):
            self.write(start, points[start : start + CHUNK])
        self.index()

    def search(self, queries, k, ef, below):
        return [self.one(query, k, ef, below) for query in queries]

    @staticmethod
    def group_of(start, count):
        return groups(start + count)[start:].tolist()


class Zvec(Database):
    """HNSW over codes of 8 bits, rescored by f32."""

    module = "zvec"

    def create(self, folder, dim):
        z = self.lib
        index = z.HnswIndexParam(metric_type=z.MetricType.IP, m=self.set["m"], ef_construction=self.set["ef_construct"],
                                 quantize_type=z.QuantizeType.INT8)  # fmt: skip
        schema = z.CollectionSchema(
            name="bench",
            fields=z.FieldSchema("group", z.DataType.INT64, index_param=z.InvertIndexParam(enable_range_optimization=True)),
            vectors=z.VectorSchema("vector", z.DataType.VECTOR_FP32, dim, index_param=index),
        )
        self.collection = z.create_and_open(path=os.path.join(folder, "db"), schema=schema)

    def write(self, start, points):
        rows = zip(points.tolist(), self.group_of(start, len(points)))
        docs = [self.lib.Doc(id=str(start + n), fields={"group": g}, vectors={"vector": v}) for n, (v, g) in enumerate(rows)]
        for status in self.collection.insert(docs):
            if not status.ok():
                raise RuntimeError(status.message())
        self.collection.flush()

    def index(self):
        self.collection.optimize(self.lib.OptimizeOption(concurrency=THREADS))

    def close(self):
        self.collection.close()

    def open(self, folder, _dim, _count, _points):
        self.collection = self.lib.open(path=os.path.join(folder, "db"))

    def one(self, query, k, ef, below):
        param = self.lib.HnswQueryParam(ef=ef, is_using_refiner=True)
        asked = self.lib.Query(field_name="vector", vector=query, param=param)
        where = None if below is None else f"group < {below}"
        found = self.collection.query(asked, topk=k, filter=where, include_vector=False, output_fields=[])
        return [int(doc.id) for doc in found]


class QdrantEdge(Database):
    """HNSW over codes of 8 bits, rescored by f32."""

    module = "qdrant_edge"

    def create(self, folder, dim):
        q = self.lib
        path = os.path.join(folder, "db")
        os.makedirs(path)
        config = q.EdgeConfig(
            vectors=q.EdgeVectorParams(size=dim, distance=q.Distance.Dot),
            hnsw_config=q.HnswIndexConfig(m=self.set["m"], ef_construct=self.set["ef_construct"], full_scan_threshold=10_000),
            quantization_config=q.ScalarQuantizationConfig(type=q.ScalarType.Int8, always_ram=True),
        )
        self.shard = q.EdgeShard.create(path, config)
        self.shard.update(q.UpdateOperation.create_field_index("group", q.PayloadSchemaType.Integer))

    def write(self, start, points):
        rows = zip(points.tolist(), self.group_of(start, len(points)))
        points = [self.lib.Point(start + n, v, {"group": g}) for n, (v, g) in enumerate(rows)]
        self.shard.update(self.lib.UpdateOperation.upsert_points(points))
        self.shard.flush()

    def index(self):
        self.shard.optimize()

    def close(self):
        self.shard.flush()
        self.shard.close()

    def open(self, folder, _dim, _count, _points):
        self.shard = self.lib.EdgeShard.load(os.path.join(folder, "db"))

    def one(self, query, k, ef, below):
        q = self.lib
        where = None
        if below is not None:
            where = q.Filter(must=[q.FieldCondition(key="group", range=q.RangeFloat(lt=below))])
        params = q.SearchParams(hnsw_ef=ef, quantization=q.QuantizationSearchParams(rescore=True))
        asked = q.SearchRequest(q.Query.Nearest(query.tolist()), limit=k, filter=where, params=params,
                                with_payload=False, with_vector=False)  # fmt: skip
        return [point.id for point in self.shard.search(asked)]


class LanceDb(Database):
    """One partition's HNSW over codes of 8 bits, rescored by f32. Every write is a version of its own on disk."""

    module = "lancedb"

    def create(self, folder, dim):
        import pyarrow

        self.arrow = pyarrow
        self.schema = pyarrow.schema(
            [("id", pyarrow.int64()), ("group", pyarrow.int64()), ("vector", pyarrow.list_(pyarrow.float32(), dim))]
        )
        self.table = self.lib.connect(folder).create_table("bench", schema=self.schema)

    def write(self, start, points):
        vectors = self.arrow.FixedSizeListArray.from_arrays(self.arrow.array(points.ravel()), points.shape[1])
        columns = [range(start, start + len(points)), self.group_of(start, len(points)), vectors]
        self.table.add(self.arrow.table(dict(zip(self.schema.names, columns)), schema=self.schema))

    def index(self):
        self.table.optimize()
        self.table.create_index(metric="dot", index_type="IVF_HNSW_SQ", num_partitions=1,
                                m=self.set["m"], ef_construction=self.set["ef_construct"])  # fmt: skip
        self.table.create_scalar_index("group", index_type="BTREE")

    def open(self, folder, _dim, _count, _points):
        self.table = self.lib.connect(folder).open_table("bench")

    def one(self, query, k, ef, below):
        # It refuses a beam below what is rescored.
        asked = self.table.search(query).distance_type("dot").nprobes(1).ef(max(ef, REFINE * k))
        asked = asked.refine_factor(REFINE).limit(k).select(["id", "_distance"])
        if below is not None:
            asked = asked.where(f"group < {below}", prefilter=True)
        return asked.to_arrow()["id"].to_pylist()


DATABASES = {"zvec": Zvec, "qdrant-edge": QdrantEdge, "lancedb": LanceDb}
