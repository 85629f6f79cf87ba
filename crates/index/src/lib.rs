//! RocksDB storage, HNSW graphs, filters and queries of one collection.
