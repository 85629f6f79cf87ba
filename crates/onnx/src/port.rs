//! Inputs and outputs of a model.

use std::fmt;

/// An input or an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// What it is of.
    pub element: Element,
    /// Its sizes; `None` where any will do.
    pub dims: Vec<Option<usize>>,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<String> = self
            .dims
            .iter()
            .map(|dim| dim.map_or_else(|| "any".to_owned(), |size| size.to_string()))
            .collect();
        write!(f, "{} ({} of {})", self.name, self.element, dims.join(" x "))
    }
}

/// The type of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// 32-bit integers.
    I32,
    /// 64-bit integers.
    I64,
    /// Anything else, which no encoder gives or takes.
    Other,
}

impl Element {
    /// Whether it is of floats.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F16)
    }

    /// Whether it is of integers that hold any token.
    pub const fn is_id(self) -> bool {
        matches!(self, Self::I32 | Self::I64)
    }

    /// By the number in a file.
    ///
    /// # Source
    /// `onnx.proto`, `TensorProto.DataType`
    pub(crate) const fn of_number(number: u64) -> Self {
        match number {
            1 => Self::F32,
            6 => Self::I32,
            7 => Self::I64,
            10 => Self::F16,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::Other => "another type",
        })
    }
}
