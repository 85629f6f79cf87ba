//! What a pickle holds.

use std::rc::Rc;

use crate::CheckpointError;

/// Most containers within one another.
const MAX_DEPTH: usize = 16;

/// What a pickle holds. The second part of a container is its depth.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Text(Rc<str>),
    /// `module name`, which is not looked up.
    Global(Rc<str>),
    Tuple(Rc<[Value]>, usize),
    List(Vec<Value>, usize),
    Dict(Vec<(Rc<str>, Value)>, usize),
    Storage(Rc<Storage>),
    Tensor(Rc<View>),
}

/// A named run of numbers beside the pickle.
#[derive(Debug)]
pub(crate) struct Storage {
    pub(crate) key: Rc<str>,
    /// `torch FloatStorage` and the like.
    pub(crate) kind: Rc<str>,
    pub(crate) numbers: i64,
}

/// A tensor as a view into a storage.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) storage: Rc<Storage>,
    pub(crate) offset: i64,
    pub(crate) shape: Vec<i64>,
    pub(crate) strides: Vec<i64>,
}

impl Value {
    /// What it is, for messages.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::None => "a None",
            Self::Bool(_) => "a truth",
            Self::Int(_) => "a number",
            Self::Text(_) => "a text",
            Self::Global(_) => "a class",
            Self::Tuple(..) => "a tuple",
            Self::List(..) => "a list",
            Self::Dict(..) => "a dictionary",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a tensor",
        }
    }

    /// Containers within it, itself included.
    pub(super) const fn depth(&self) -> usize {
        match self {
            Self::Tuple(_, depth) | Self::List(_, depth) | Self::Dict(_, depth) => *depth,
            Self::None
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Text(_)
            | Self::Global(_)
            | Self::Storage(_)
            | Self::Tensor(_) => 0,
        }
    }

    pub(super) fn tuple(items: Vec<Self>) -> Result<Self, CheckpointError> {
        let depth = 1 + items.iter().map(Self::depth).max().unwrap_or_default();
        bounded(depth).map(|depth| Self::Tuple(items.into(), depth))
    }
}

/// A depth, unless it is too large.
pub(super) const fn bounded(depth: usize) -> Result<usize, CheckpointError> {
    if depth > MAX_DEPTH {
        return Err(CheckpointError::Bound {
            limit: MAX_DEPTH as u64,
            what: "containers within one another",
        });
    }
    Ok(depth)
}
