//! Typed client for a Sensorium server.
