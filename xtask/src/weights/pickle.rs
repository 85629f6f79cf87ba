//! Reads the pickles of a torch checkpoint. Only the opcodes that such files use are known, and only two callables:
//! an empty `OrderedDict` and `torch._utils._rebuild_tensor_v2`, which gives a [`View`]. Nothing is executed.

use std::collections::HashMap;
use std::rc::Rc;

use anyhow::{Context, Result, bail, ensure};

/// What a pickle holds.
#[derive(Debug, Clone)]
pub(super) enum Value {
    None,
    Bool,
    Int(i64),
    /// An integer of more than 64 bits, little endian.
    Long(Vec<u8>),
    Text(Rc<str>),
    /// `module name`.
    Global(Rc<str>),
    Tuple(Rc<[Value]>),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    Storage(Rc<Storage>),
    Tensor(Rc<View>),
}

/// A named run of numbers behind the pickles.
#[derive(Debug)]
pub(super) struct Storage {
    pub(super) key: String,
    /// `torch FloatStorage` and the like.
    pub(super) kind: String,
    pub(super) elements: usize,
}

/// A tensor as a view into a storage.
#[derive(Debug)]
pub(super) struct View {
    pub(super) storage: Rc<Storage>,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// A cursor over a series of pickles.
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len).context("the pickle is cut short")?;
        self.rest = rest;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?.iter().copied().sum())
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into()?))
    }

    fn line(&mut self) -> Result<&'a str> {
        let end = self.rest.iter().position(|byte| *byte == b'\n').context("the pickle is cut short")?;
        let line = std::str::from_utf8(self.take(end)?)?;
        self.take(1)?;
        Ok(line)
    }

    /// Reads one pickle.
    pub(super) fn pickle(&mut self) -> Result<Value> {
        let mut machine = Machine::default();
        loop {
            let opcode = self.byte()?;
            if opcode == b'.' {
                return machine.pop();
            }
            machine.step(opcode, self).with_context(|| format!("pickle opcode {:?}", char::from(opcode)))?;
        }
    }
}

#[derive(Default)]
struct Machine {
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
}

impl Machine {
    fn pop(&mut self) -> Result<Value> {
        self.stack.pop().context("the pickle's stack is empty")
    }

    fn pop_mark(&mut self) -> Result<Vec<Value>> {
        let mark = self.marks.pop().context("the pickle lacks a mark")?;
        ensure!(mark <= self.stack.len(), "the pickle's mark is off");
        Ok(self.stack.split_off(mark))
    }

    fn pop_tuple(&mut self, len: usize) -> Result<Value> {
        let at = self.stack.len().checked_sub(len).context("the pickle's stack is empty")?;
        Ok(Value::Tuple(self.stack.split_off(at).into()))
    }

    fn put(&mut self, slot: u32) -> Result<()> {
        let top = self.stack.last().context("the pickle's stack is empty")?;
        // A dictionary is filled after it is memoized; no file of ours asks for one again, so that it is not kept.
        if !matches!(top, Value::Dict(_) | Value::List(_)) {
            self.memo.insert(slot, top.clone());
        }
        Ok(())
    }

    fn get(&mut self, slot: u32) -> Result<()> {
        let value = self.memo.get(&slot).context("the pickle asks for a value that it did not keep")?;
        self.stack.push(value.clone());
        Ok(())
    }

    fn step(&mut self, opcode: u8, reader: &mut Reader<'_>) -> Result<()> {
        match opcode {
            0x80 => ensure!(reader.byte()? == 2, "only pickle protocol 2 is read"),
            0x8a => {
                let len = usize::from(reader.byte()?);
                self.stack.push(Value::Long(reader.take(len)?.to_vec()));
            }
            b'(' => self.marks.push(self.stack.len()),
            b'K' => {
                let value = Value::Int(i64::from(reader.byte()?));
                self.stack.push(value);
            }
            b'M' => {
                let value = u16::from_le_bytes(reader.take(2)?.try_into()?);
                self.stack.push(Value::Int(i64::from(value)));
            }
            b'J' => {
                let value = i32::from_le_bytes(reader.take(4)?.try_into()?);
                self.stack.push(Value::Int(i64::from(value)));
            }
            b'X' => {
                let len = reader.u32()? as usize;
                self.stack.push(Value::Text(std::str::from_utf8(reader.take(len)?)?.into()));
            }
            b'c' => {
                let (module, name) = (reader.line()?, reader.line()?);
                self.stack.push(Value::Global(format!("{module} {name}").into()));
            }
            b'N' => self.stack.push(Value::None),
            0x88 | 0x89 => self.stack.push(Value::Bool),
            b'}' => self.stack.push(Value::Dict(Vec::new())),
            b']' => self.stack.push(Value::List(Vec::new())),
            b')' => self.stack.push(Value::Tuple(Rc::new([]))),
            b't' => {
                let items = self.pop_mark()?;
                self.stack.push(Value::Tuple(items.into()));
            }
            0x85..=0x87 => {
                let tuple = self.pop_tuple(usize::from(opcode - 0x84))?;
                self.stack.push(tuple);
            }
            b'q' => {
                let slot = u32::from(reader.byte()?);
                self.put(slot)?;
            }
            b'r' => {
                let slot = reader.u32()?;
                self.put(slot)?;
            }
            b'h' => {
                let slot = u32::from(reader.byte()?);
                self.get(slot)?;
            }
            b'j' => {
                let slot = reader.u32()?;
                self.get(slot)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.dict()?.push((key, value));
            }
            b'u' => {
                let mut items = self.pop_mark()?.into_iter();
                let dict = self.dict()?;
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    dict.push((key, value));
                }
            }
            b'e' => {
                let items = self.pop_mark()?;
                let Some(Value::List(list)) = self.stack.last_mut() else { bail!("not a list") };
                list.extend(items);
            }
            // The state of the outer dictionary is torch's `_metadata`: versions that nobody here needs.
            b'b' => drop(self.pop()?),
            b'Q' => {
                let id = self.pop()?;
                self.stack.push(storage(&id)?);
            }
            b'R' => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                self.stack.push(reduce(&callable, &arguments)?);
            }
            other => bail!("opcode 0x{other:02x} is not read here"),
        }
        Ok(())
    }

    fn dict(&mut self) -> Result<&mut Vec<(Value, Value)>> {
        let Some(Value::Dict(dict)) = self.stack.last_mut() else { bail!("not a dictionary") };
        Ok(dict)
    }
}

/// `("storage", torch.FloatStorage, key, device, elements, None)`.
fn storage(id: &Value) -> Result<Value> {
    let Value::Tuple(fields) = id else { bail!("a persistent id that is no tuple") };
    let [Value::Text(tag), Value::Global(kind), Value::Text(key), Value::Text(_), Value::Int(elements), _] =
        fields.as_ref()
    else {
        bail!("a persistent id of another form")
    };
    ensure!(tag.as_ref() == "storage", "a persistent id of a {tag}");
    let (key, kind) = (key.to_string(), kind.to_string());
    Ok(Value::Storage(Rc::new(Storage { key, kind, elements: usize::try_from(*elements)? })))
}

fn reduce(callable: &Value, arguments: &Value) -> Result<Value> {
    let (Value::Global(callable), Value::Tuple(arguments)) = (callable, arguments) else {
        bail!("a call of another form")
    };
    match (callable.as_ref(), arguments.as_ref()) {
        ("collections OrderedDict", []) => Ok(Value::Dict(Vec::new())),
        (
            "torch._utils _rebuild_tensor_v2",
            [Value::Storage(storage), Value::Int(offset), Value::Tuple(shape), Value::Tuple(strides), ..],
        ) => Ok(Value::Tensor(Rc::new(View {
            storage: Rc::clone(storage),
            offset: usize::try_from(*offset)?,
            shape: sizes(shape)?,
            strides: sizes(strides)?,
        }))),
        (other, _) => bail!("a call of {other}, which is not allowed"),
    }
}

fn sizes(values: &[Value]) -> Result<Vec<usize>> {
    values
        .iter()
        .map(|value| {
            let Value::Int(size) = value else { bail!("a size that is {value:?}") };
            Ok(usize::try_from(*size)?)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callable_that_is_not_known_is_refused() {
        let bytes = b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.";
        let error = Reader { rest: bytes }.pickle().unwrap_err();
        assert!(format!("{error:#}").contains("os system"), "{error:#}");
    }

    #[test]
    fn numbers_texts_and_containers_are_read() {
        let bytes = b"\x80\x02}(X\x01\0\0\0aK\x07X\x01\0\0\0b](K\x01M\x00\x01eu.";
        let Value::Dict(items) = (Reader { rest: bytes }).pickle().unwrap() else {
            panic!("not a dictionary")
        };
        assert!(matches!(&items[0], (Value::Text(key), Value::Int(7)) if key.as_ref() == "a"));
        let (_, Value::List(list)) = &items[1] else { panic!("not a list") };
        assert!(matches!(list.as_slice(), [Value::Int(1), Value::Int(256)]));
    }

    #[test]
    fn a_pickle_cut_short_is_an_error() {
        assert!(Reader { rest: b"\x80\x02}(X\x01\0\0\0a" }.pickle().is_err());
        assert!(Reader { rest: b"\x80\x02t." }.pickle().is_err());
    }
}
