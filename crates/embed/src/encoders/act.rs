//! Activations, as `bundle.toml` names them.

use sensorium_kernels::Activation;
use serde::{Deserialize, Serialize};

/// The activation inside a feed-forward or a projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Act {
    /// By the error function.
    Gelu,
    /// By tanh.
    GeluTanh,
    /// By the sigmoid.
    QuickGelu,
    /// `max(x, 0)`.
    Relu,
}

impl From<Act> for Activation {
    fn from(act: Act) -> Self {
        match act {
            Act::Gelu => Self::Gelu,
            Act::GeluTanh => Self::GeluTanh,
            Act::QuickGelu => Self::QuickGelu,
            Act::Relu => Self::Relu,
        }
    }
}
