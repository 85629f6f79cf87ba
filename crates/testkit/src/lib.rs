//! Exact-search oracle, seeded corpora, fake towers and temporary databases for integration tests.
