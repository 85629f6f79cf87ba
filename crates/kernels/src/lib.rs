//! SIMD kernels with scalar references: distances, depthwise convolution, activations.
