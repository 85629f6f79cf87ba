//! A pickle as values.
//!
//! | file | holds |
//! | --- | --- |
//! | `value.rs` | what a pickle holds |
//! | `machine.rs` | [`read`] |
//! | `opcode.rs` | names of opcodes, for messages |

mod machine;
mod opcode;
mod value;

pub(crate) use machine::{Form, read};
pub(crate) use value::{Storage, Value, View};
