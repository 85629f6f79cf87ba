//! Protobuf messages of Sensorium, their conversions, and the one table of status codes.
