//! A pickle of protocol 2 as values.

use std::collections::HashMap;
use std::rc::Rc;

use super::{PickleError, opcode};

/// Most opcodes of a pickle: those of ten thousand tensors are half of it.
const MAX_STEPS: u64 = 1_000_000;
/// Most containers within one another.
const MAX_DEPTH: usize = 16;
/// Longest name of a module or a class.
const MAX_GLOBAL: usize = 256;

/// What a pickle holds.
#[derive(Debug, Clone)]
pub(super) enum Value {
    None,
    Bool,
    Int(i64),
    Text(Rc<str>),
    /// `module name`, which is not looked up.
    Global(Rc<str>),
    Tuple(Rc<[Value]>, usize),
    Dict(Vec<(Rc<str>, Value)>, usize),
    Storage(Rc<Storage>),
    Tensor(Rc<View>),
}

/// A named run of numbers beside the pickle.
#[derive(Debug)]
pub(super) struct Storage {
    pub(super) key: Rc<str>,
    /// `torch FloatStorage` and the like.
    pub(super) kind: Rc<str>,
    pub(super) numbers: i64,
}

/// A tensor as a view into a storage.
#[derive(Debug)]
pub(super) struct View {
    pub(super) storage: Rc<Storage>,
    pub(super) offset: i64,
    pub(super) shape: Vec<i64>,
    pub(super) strides: Vec<i64>,
}

impl Value {
    /// What it is, for messages.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::None => "a None",
            Self::Bool => "a truth",
            Self::Int(_) => "a number",
            Self::Text(_) => "a text",
            Self::Global(_) => "a class",
            Self::Tuple(..) => "a tuple",
            Self::Dict(..) => "a dictionary",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a tensor",
        }
    }

    /// Containers within it, itself included.
    const fn depth(&self) -> usize {
        match self {
            Self::Tuple(_, depth) | Self::Dict(_, depth) => *depth,
            Self::None
            | Self::Bool
            | Self::Int(_)
            | Self::Text(_)
            | Self::Global(_)
            | Self::Storage(_)
            | Self::Tensor(_) => 0,
        }
    }

    fn tuple(items: Vec<Self>) -> Result<Self, PickleError> {
        let depth = 1 + items.iter().map(Self::depth).max().unwrap_or_default();
        bounded(depth).map(|depth| Self::Tuple(items.into(), depth))
    }
}

const fn bounded(depth: usize) -> Result<usize, PickleError> {
    if depth > MAX_DEPTH {
        return Err(PickleError::Bound { limit: MAX_DEPTH as u64, what: "containers within one another" });
    }
    Ok(depth)
}

const fn damaged(what: &'static str) -> PickleError {
    PickleError::Damaged { what }
}

/// Reads a pickle.
pub(super) fn read(bytes: &[u8]) -> Result<Value, PickleError> {
    let mut machine = Machine { rest: bytes, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    for _ in 0..MAX_STEPS {
        let opcode = machine.byte()?;
        if opcode == b'.' {
            return machine.pop();
        }
        machine.step(opcode)?;
    }
    Err(PickleError::Bound { limit: MAX_STEPS, what: "opcodes" })
}

struct Machine<'a> {
    rest: &'a [u8],
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
}

impl<'a> Machine<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], PickleError> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(PickleError::Cut)?;
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(PickleError::Cut)?;
        self.rest = rest;
        Ok(*head)
    }

    fn byte(&mut self) -> Result<u8, PickleError> {
        self.array().map(|[byte]: [u8; 1]| byte)
    }

    fn text(bytes: &[u8]) -> Result<Rc<str>, PickleError> {
        str::from_utf8(bytes).map(Rc::from).map_err(|_| damaged("a text that is none"))
    }

    /// A line of the name of a module or a class.
    fn line(&mut self) -> Result<Rc<str>, PickleError> {
        let end = self.rest.iter().take(MAX_GLOBAL).position(|byte| *byte == b'\n');
        let line = self.take(end.ok_or(PickleError::Cut)?)?;
        self.take(1)?;
        Self::text(line)
    }

    fn pop(&mut self) -> Result<Value, PickleError> {
        let below = self.marks.last().copied().unwrap_or_default();
        if self.stack.len() <= below {
            return Err(damaged("nothing lies where a value is taken"));
        }
        self.stack.pop().ok_or(PickleError::Cut)
    }

    fn pop_mark(&mut self) -> Result<Vec<Value>, PickleError> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        mark.map(|mark| self.stack.split_off(mark)).ok_or(damaged("a mark is missing"))
    }

    fn pop_tuple(&mut self, count: usize) -> Result<Value, PickleError> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        items.reverse();
        Value::tuple(items)
    }

    fn put(&mut self, slot: u32) -> Result<(), PickleError> {
        let top = self.stack.last().ok_or(damaged("nothing lies where a value is kept"))?;
        // A dictionary is filled after it was kept. None that is read asks for one again, so that it is not.
        if !matches!(top, Value::Dict(..)) {
            self.memo.insert(slot, top.clone());
        }
        Ok(())
    }

    fn get(&mut self, slot: u32) -> Result<(), PickleError> {
        let value = self.memo.get(&slot).ok_or(damaged("it asks for a value that it did not keep"))?;
        self.stack.push(value.clone());
        Ok(())
    }

    /// Puts values under names into the dictionary on top.
    fn set(&mut self, items: Vec<Value>) -> Result<(), PickleError> {
        let Some(Value::Dict(dict, depth)) = self.stack.last_mut() else {
            return Err(damaged("values are put into no dictionary"));
        };
        let mut items = items.into_iter();
        while let Some(key) = items.next() {
            let value = items.next().ok_or(damaged("a name without a value"))?;
            let Value::Text(key) = key else {
                return Err(PickleError::NoTensors { what: "names that are no texts" });
            };
            *depth = bounded((*depth).max(1 + value.depth()))?;
            dict.push((key, value));
        }
        Ok(())
    }

    fn step(&mut self, opcode: u8) -> Result<(), PickleError> {
        let pushed = match opcode {
            0x80 => return if self.byte()? == 2 { Ok(()) } else { Err(damaged("a protocol other than 2")) },
            b'(' => return self.mark(),
            b'q' => return self.byte().and_then(|slot| self.put(slot.into())),
            b'r' => return self.array().and_then(|slot| self.put(u32::from_le_bytes(slot))),
            b'h' => return self.byte().and_then(|slot| self.get(slot.into())),
            b'j' => return self.array().and_then(|slot| self.get(u32::from_le_bytes(slot))),
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                return self.set(vec![key, value]);
            }
            b'u' => return self.pop_mark().and_then(|items| self.set(items)),
            b'b' => return self.build(),
            b'K' => Value::Int(self.byte()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(self.array()?).into()),
            b'J' => Value::Int(i32::from_le_bytes(self.array()?).into()),
            0x8a => self.long()?,
            b'X' => {
                let count = u32::from_le_bytes(self.array()?);
                Value::Text(Self::text(self.take(usize::try_from(count).unwrap_or(usize::MAX))?)?)
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                Value::Global(format!("{module} {name}").into())
            }
            b'N' => Value::None,
            0x88 | 0x89 => Value::Bool,
            b'}' => Value::Dict(Vec::new(), 1),
            b')' => Value::tuple(Vec::new())?,
            b't' => Value::tuple(self.pop_mark()?)?,
            0x85..=0x87 => self.pop_tuple(usize::from(opcode - 0x84))?,
            b'Q' => {
                let id = self.pop()?;
                storage(&id)?
            }
            b'R' => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                stands_for(&function, &arguments)?
            }
            other => return Err(PickleError::Opcode { name: opcode::name(other) }),
        };
        self.stack.push(pushed);
        Ok(())
    }

    fn mark(&mut self) -> Result<(), PickleError> {
        self.marks.push(self.stack.len());
        Ok(())
    }

    /// A whole number of a few bytes, the lowest first.
    fn long(&mut self) -> Result<Value, PickleError> {
        let count = usize::from(self.byte()?);
        let bytes = self.take(count)?;
        if count > 8 {
            return Err(damaged("a number of more than 64 bits"));
        }
        let fill = if bytes.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 };
        let mut long = [fill; 8];
        for (to, byte) in long.iter_mut().zip(bytes) {
            *to = *byte;
        }
        Ok(Value::Int(i64::from_le_bytes(long)))
    }

    /// The state of a dictionary is torch's `_metadata`, versions that nobody here needs. Nothing else has one.
    fn build(&mut self) -> Result<(), PickleError> {
        self.pop()?;
        match self.stack.last() {
            Some(Value::Dict(..)) => Ok(()),
            Some(_) | None => {
                Err(PickleError::Opcode { name: "BUILD of something else than a dictionary".to_owned() })
            }
        }
    }
}

/// `("storage", torch.FloatStorage, key, device, numbers)`.
fn storage(id: &Value) -> Result<Value, PickleError> {
    let Value::Tuple(fields, _) = id else { return Err(damaged("a persistent id that is no tuple")) };
    let [Value::Text(tag), Value::Global(kind), Value::Text(key), Value::Text(_), Value::Int(numbers)] =
        fields.as_ref()
    else {
        return Err(damaged("a persistent id of another form"));
    };
    if tag.as_ref() != "storage" {
        return Err(damaged("a persistent id of no storage"));
    }
    let (key, kind, numbers) = (Rc::clone(key), Rc::clone(kind), *numbers);
    Ok(Value::Storage(Rc::new(Storage { key, kind, numbers })))
}

/// What a call of a function stands for. No function is looked up or called.
fn stands_for(function: &Value, arguments: &Value) -> Result<Value, PickleError> {
    let Value::Global(function) = function else {
        return Err(damaged("a call of what is no function"));
    };
    let (Value::Tuple(arguments, _), name) = (arguments, function.as_ref()) else {
        return Err(damaged("a call without arguments"));
    };
    match (name, arguments.as_ref()) {
        ("collections OrderedDict", []) => Ok(Value::Dict(Vec::new(), 1)),
        (
            "torch._utils _rebuild_tensor_v2",
            [
                Value::Storage(storage),
                Value::Int(offset),
                Value::Tuple(shape, _),
                Value::Tuple(strides, _),
                ..,
            ],
        ) => Ok(Value::Tensor(Rc::new(View {
            storage: Rc::clone(storage),
            offset: *offset,
            shape: whole(shape)?,
            strides: whole(strides)?,
        }))),
        ("torch._utils _rebuild_parameter", [Value::Tensor(tensor), ..]) => {
            Ok(Value::Tensor(Rc::clone(tensor)))
        }
        (
            "collections OrderedDict" | "torch._utils _rebuild_tensor_v2" | "torch._utils _rebuild_parameter",
            _,
        ) => Err(damaged("a tensor of other arguments")),
        (name, _) => Err(PickleError::Global { name: name.replacen(' ', ".", 1) }),
    }
}

fn whole(values: &[Value]) -> Result<Vec<i64>, PickleError> {
    let number = |value: &Value| match value {
        Value::Int(number) => Ok(*number),
        Value::None
        | Value::Bool
        | Value::Text(_)
        | Value::Global(_)
        | Value::Tuple(..)
        | Value::Dict(..)
        | Value::Storage(_)
        | Value::Tensor(_) => Err(damaged("a size that is no number")),
    };
    values.iter().map(number).collect()
}
