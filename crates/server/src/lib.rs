//! gRPC service of Sensorium.
