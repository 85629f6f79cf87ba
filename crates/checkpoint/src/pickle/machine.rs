//! A pickle of protocol 2 as values: nothing that it names is looked up or called.

use std::collections::HashMap;
use std::rc::Rc;

use super::opcode;
use super::value::{Storage, Value, View, bounded};
use crate::CheckpointError;

/// Most opcodes of a pickle: those of ten thousand tensors are half of it.
const MAX_STEPS: u64 = 1_000_000;
/// Longest name of a module or a class.
const MAX_GLOBAL: usize = 256;

const fn damaged(what: &'static str) -> CheckpointError {
    CheckpointError::pickle(what)
}

/// Whose pickle it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// That of a zip.
    Zipped,
    /// One of those of the older layout, which have lists, and a sixth field in the place of a storage.
    Old,
}

/// Reads a pickle, and leaves what lies behind it.
pub(crate) fn read(rest: &mut &[u8], form: Form) -> Result<Value, CheckpointError> {
    let mut machine = Machine { rest, form, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    for _ in 0..MAX_STEPS {
        let opcode = machine.byte()?;
        if opcode == b'.' {
            let value = machine.pop()?;
            *rest = machine.rest;
            return Ok(value);
        }
        machine.step(opcode)?;
    }
    Err(CheckpointError::Bound { limit: MAX_STEPS, what: "opcodes" })
}

struct Machine<'a> {
    rest: &'a [u8],
    form: Form,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
}

impl<'a> Machine<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], CheckpointError> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(CheckpointError::Cut)?;
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CheckpointError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(CheckpointError::Cut)?;
        self.rest = rest;
        Ok(*head)
    }

    fn byte(&mut self) -> Result<u8, CheckpointError> {
        self.array().map(|[byte]: [u8; 1]| byte)
    }

    fn text(bytes: &[u8]) -> Result<Rc<str>, CheckpointError> {
        str::from_utf8(bytes).map(Rc::from).map_err(|_| damaged("a text that is none"))
    }

    /// A line of the name of a module or a class.
    fn line(&mut self) -> Result<Rc<str>, CheckpointError> {
        let end = self.rest.iter().take(MAX_GLOBAL).position(|byte| *byte == b'\n');
        let line = self.take(end.ok_or(CheckpointError::Cut)?)?;
        self.take(1)?;
        Self::text(line)
    }

    fn pop(&mut self) -> Result<Value, CheckpointError> {
        let below = self.marks.last().copied().unwrap_or_default();
        if self.stack.len() <= below {
            return Err(damaged("nothing lies where a value is taken"));
        }
        self.stack.pop().ok_or(CheckpointError::Cut)
    }

    fn pop_mark(&mut self) -> Result<Vec<Value>, CheckpointError> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        mark.map(|mark| self.stack.split_off(mark)).ok_or(damaged("a mark is missing"))
    }

    fn pop_tuple(&mut self, count: usize) -> Result<Value, CheckpointError> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        items.reverse();
        Value::tuple(items)
    }

    fn put(&mut self, slot: u32) -> Result<(), CheckpointError> {
        let top = self.stack.last().ok_or(damaged("nothing lies where a value is kept"))?;
        // A dictionary or a list is filled after it was kept. None that is read asks for one again, so that it is not.
        if !matches!(top, Value::Dict(..) | Value::List(..)) {
            self.memo.insert(slot, top.clone());
        }
        Ok(())
    }

    fn get(&mut self, slot: u32) -> Result<(), CheckpointError> {
        let value = self.memo.get(&slot).ok_or(damaged("it asks for a value that it did not keep"))?;
        self.stack.push(value.clone());
        Ok(())
    }

    /// Puts values under names into the dictionary on top.
    fn set(&mut self, items: Vec<Value>) -> Result<(), CheckpointError> {
        let Some(Value::Dict(dict, depth)) = self.stack.last_mut() else {
            return Err(damaged("values are put into no dictionary"));
        };
        let mut items = items.into_iter();
        while let Some(key) = items.next() {
            let value = items.next().ok_or(damaged("a name without a value"))?;
            let Value::Text(key) = key else {
                return Err(CheckpointError::NoTensors { what: "names that are no texts" });
            };
            *depth = bounded((*depth).max(1 + value.depth()))?;
            dict.push((key, value));
        }
        Ok(())
    }

    /// Puts values behind the list on top.
    fn append(&mut self, items: Vec<Value>) -> Result<(), CheckpointError> {
        let Some(Value::List(list, depth)) = self.stack.last_mut() else {
            return Err(damaged("values are put into no list"));
        };
        for item in items {
            *depth = bounded((*depth).max(1 + item.depth()))?;
            list.push(item);
        }
        Ok(())
    }

    fn step(&mut self, opcode: u8) -> Result<(), CheckpointError> {
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
            b'a' if self.form == Form::Old => return self.pop().and_then(|item| self.append(vec![item])),
            b'e' if self.form == Form::Old => return self.pop_mark().and_then(|items| self.append(items)),
            b']' if self.form == Form::Old => Value::List(Vec::new(), 1),
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
            0x88 | 0x89 => Value::Bool(opcode == 0x88),
            b'}' => Value::Dict(Vec::new(), 1),
            b')' => Value::tuple(Vec::new())?,
            b't' => Value::tuple(self.pop_mark()?)?,
            0x85..=0x87 => self.pop_tuple(usize::from(opcode - 0x84))?,
            b'Q' => {
                let id = self.pop()?;
                storage(&id, self.form)?
            }
            b'R' => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                stands_for(&function, &arguments)?
            }
            other => return Err(CheckpointError::Opcode { name: opcode::name(other) }),
        };
        self.stack.push(pushed);
        Ok(())
    }

    fn mark(&mut self) -> Result<(), CheckpointError> {
        self.marks.push(self.stack.len());
        Ok(())
    }

    /// A whole number of a few bytes, the lowest first.
    fn long(&mut self) -> Result<Value, CheckpointError> {
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
    fn build(&mut self) -> Result<(), CheckpointError> {
        self.pop()?;
        match self.stack.last() {
            Some(Value::Dict(..)) => Ok(()),
            Some(_) | None => {
                Err(CheckpointError::Opcode { name: "BUILD of something else than a dictionary".to_owned() })
            }
        }
    }
}

/// `("storage", torch.FloatStorage, key, device, numbers)`, and `None` in the older form.
fn storage(id: &Value, form: Form) -> Result<Value, CheckpointError> {
    let Value::Tuple(fields, _) = id else { return Err(damaged("a persistent id that is no tuple")) };
    let fields = match (form, fields.as_ref()) {
        (Form::Zipped, fields) | (Form::Old, [fields @ .., Value::None]) => fields,
        (Form::Old, _) => &[],
    };
    let [Value::Text(tag), Value::Global(kind), Value::Text(key), Value::Text(_), Value::Int(numbers)] =
        fields
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
fn stands_for(function: &Value, arguments: &Value) -> Result<Value, CheckpointError> {
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
        (name, _) => Err(CheckpointError::Global { name: name.replacen(' ', ".", 1) }),
    }
}

fn whole(values: &[Value]) -> Result<Vec<i64>, CheckpointError> {
    let number = |value: &Value| match value {
        Value::Int(number) => Ok(*number),
        Value::None
        | Value::Bool(_)
        | Value::Text(_)
        | Value::Global(_)
        | Value::Tuple(..)
        | Value::List(..)
        | Value::Dict(..)
        | Value::Storage(_)
        | Value::Tensor(_) => Err(damaged("a size that is no number")),
    };
    values.iter().map(number).collect()
}
