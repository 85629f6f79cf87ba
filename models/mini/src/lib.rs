//! The default bundle of models as bytes.
