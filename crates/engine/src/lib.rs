//! Ingest, query and moments: joins media, embed and a Store.
