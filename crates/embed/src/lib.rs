//! Towers that map text, pictures and sound into one space, bundles, and batching.
