//! Safetensors by name and shape, one tensor at a time.
//!
//! | file | holds |
//! | --- | --- |
//! | `bytes.rs` | [`FileBytes`]: where a file's bytes lie |
//! | `header.rs` | names, types, shapes and places of a file's tensors |
//! | `numbers.rs` | bytes of F32, F16 and BF16 as floats |
//! | `rows.rs` | [`RowTable`]: a matrix of which single rows are read when they are asked for |
//! | `updates.rs` | low-rank updates |

mod bytes;
mod header;
mod numbers;
mod rows;
mod updates;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use safetensors::tensor::Dtype;

use crate::EmbedError;
pub use bytes::FileBytes;
use header::Entry;
pub(crate) use numbers::Number;
pub(crate) use rows::RowTable;
use updates::Updates;

/// The weights of one file, or of one model in several. Layers take them by name; [`Weights::finish`] refuses what nobody
/// took.
#[derive(Debug)]
pub(crate) struct Weights {
    files: Vec<(String, FileBytes)>,
    tensors: BTreeMap<String, Entry>,
    untaken: BTreeSet<String>,
    updates: Option<Box<Updates>>,
}

impl Weights {
    /// Reads the header of a file.
    pub(crate) fn parse(file: &str, bytes: FileBytes) -> Result<Self, EmbedError> {
        Self::of_files(vec![(file.to_owned(), bytes)])
    }

    /// Reads the headers of the files of one model.
    pub(crate) fn of_files(files: Vec<(String, FileBytes)>) -> Result<Self, EmbedError> {
        let mut tensors: BTreeMap<String, Entry> = BTreeMap::new();
        for (at, (file, bytes)) in files.iter().enumerate() {
            for (name, entry) in header::read(file, bytes, at)? {
                if tensors.insert(name.clone(), entry).is_some() {
                    let source = format!("the weight {name} stands in another file as well").into();
                    return Err(EmbedError::Damaged { file: file.clone(), source });
                }
            }
        }
        let untaken = tensors.keys().cloned().collect();
        Ok(Self { files, tensors, untaken, updates: None })
    }

    /// The same weights with low-rank updates of another file added to its matrices; their names there begin with
    /// `prefix`.
    pub(crate) fn updated(self, updates: Self, prefix: &'static str) -> Self {
        Self { updates: Some(Box::new(Updates { weights: updates, prefix })), ..self }
    }

    /// Forgets weights that are known to be of no use to whoever takes the rest.
    pub(crate) fn ignore(&mut self, of_no_use: impl Fn(&str) -> bool) {
        self.untaken.retain(|name| !of_no_use(name));
    }

    /// Takes a weight of floats without reading it: that it is there, of its shape and of floats.
    pub(crate) fn expect(&mut self, name: &str, shape: &[usize]) -> Result<(), EmbedError> {
        let entry = self.take(name, shape)?;
        self.number(name, &entry).map(|_| ())
    }

    /// A weight of floats, with its update where there is one.
    pub(crate) fn floats(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EmbedError> {
        let weight = self.stored(name, shape)?;
        match (&mut self.updates, shape) {
            (Some(updates), &[outputs, inputs]) => updates.add(name, weight, (outputs, inputs)),
            _ => Ok(weight),
        }
    }

    fn stored(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EmbedError> {
        let entry = self.take(name, shape)?;
        let number = self.number(name, &entry)?;
        Ok(number.floats(&self.bytes_of(&entry)?))
    }

    /// A matrix of floats whose rows are read when they are asked for.
    pub(crate) fn rows(&mut self, name: &str, shape: [usize; 2]) -> Result<RowTable, EmbedError> {
        let entry = self.take(name, &shape)?;
        let number = self.number(name, &entry)?;
        let (file, bytes) = self.file(&entry)?;
        Ok(RowTable::new(file, bytes.clone(), (entry.from, number), shape))
    }

    /// Whether a weight is kept in sixteen bits of the IEEE, which a packed matrix can keep as they are.
    pub(crate) fn is_half(&self, name: &str) -> bool {
        self.tensors.get(name).is_some_and(|entry| entry.dtype == Dtype::F16)
    }

    /// A weight of whole numbers.
    pub(crate) fn whole(&mut self, name: &str, shape: &[usize]) -> Result<Vec<i32>, EmbedError> {
        let entry = self.take(name, shape)?;
        if entry.dtype != Dtype::I32 {
            return Err(self.wrong_type(name, "I32", &entry));
        }
        Ok(self.bytes_of(&entry)?.as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect())
    }

    /// A weight of long whole numbers.
    #[cfg(test)]
    pub(crate) fn long(&mut self, name: &str, shape: &[usize]) -> Result<Vec<i64>, EmbedError> {
        let entry = self.take(name, shape)?;
        if entry.dtype != Dtype::I64 {
            return Err(self.wrong_type(name, "I64", &entry));
        }
        Ok(self.bytes_of(&entry)?.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect())
    }

    /// A weight of signed bytes.
    pub(crate) fn bytes(&mut self, name: &str, shape: &[usize]) -> Result<Vec<i8>, EmbedError> {
        let entry = self.take(name, shape)?;
        if entry.dtype != Dtype::I8 {
            return Err(self.wrong_type(name, "I8", &entry));
        }
        Ok(bytemuck::cast_slice(&self.bytes_of(&entry)?).to_vec())
    }

    /// A weight of unsigned bytes.
    pub(crate) fn unsigned(&mut self, name: &str, shape: &[usize]) -> Result<Vec<u8>, EmbedError> {
        let entry = self.take(name, shape)?;
        if entry.dtype != Dtype::U8 {
            return Err(self.wrong_type(name, "U8", &entry));
        }
        Ok(self.bytes_of(&entry)?.into_owned())
    }

    /// The names of all.
    #[cfg(test)]
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether there is a weight of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The shape that a weight has in the file.
    pub(crate) fn shape(&self, name: &str) -> Result<Vec<usize>, EmbedError> {
        Ok(self.entry(name)?.shape.clone())
    }

    /// Refuses weights that no layer took.
    pub(crate) fn finish(self) -> Result<(), EmbedError> {
        if self.untaken.is_empty() {
            return self.updates.map_or(Ok(()), |updates| updates.weights.finish());
        }
        Err(EmbedError::ExtraWeights { file: self.name(), names: self.untaken.into_iter().collect() })
    }

    /// What the files are called in messages about weights that lie in none of them.
    fn name(&self) -> String {
        match self.files.as_slice() {
            [(file, _)] => file.clone(),
            [(first, _), rest @ ..] => format!("{first} and {} more", rest.len()),
            [] => "no file".to_owned(),
        }
    }

    fn entry(&self, name: &str) -> Result<&Entry, EmbedError> {
        self.tensors
            .get(name)
            .ok_or_else(|| EmbedError::MissingWeight { file: self.name(), name: name.to_owned() })
    }

    fn file(&self, entry: &Entry) -> Result<(&str, &FileBytes), EmbedError> {
        match self.files.get(entry.file) {
            Some((file, bytes)) => Ok((file, bytes)),
            None => Err(EmbedError::MissingFile { name: self.name() }),
        }
    }

    fn bytes_of(&self, entry: &Entry) -> Result<Cow<'_, [u8]>, EmbedError> {
        let (file, bytes) = self.file(entry)?;
        bytes.read(entry.from, entry.len).map_err(|source| EmbedError::Read { name: file.to_owned(), source })
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Entry, EmbedError> {
        let entry = self.entry(name)?.clone();
        if entry.shape != shape {
            return Err(EmbedError::WeightShape {
                file: self.file(&entry)?.0.to_owned(),
                name: name.to_owned(),
                expected: shape.to_vec(),
                received: entry.shape,
            });
        }
        self.untaken.remove(name);
        Ok(entry)
    }

    fn number(&self, name: &str, entry: &Entry) -> Result<Number, EmbedError> {
        Number::of(entry.dtype).ok_or_else(|| self.wrong_type(name, "F32, F16 or BF16", entry))
    }

    fn wrong_type(&self, name: &str, expected: &'static str, entry: &Entry) -> EmbedError {
        EmbedError::WeightType {
            file: self.file(entry).map_or_else(|_| self.name(), |(file, _)| file.to_owned()),
            name: name.to_owned(),
            expected,
            received: format!("{:?}", entry.dtype),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::{bf16, f16};
    use safetensors::tensor::TensorView;

    fn file() -> FileBytes {
        let halves: Vec<u8> = [0.5f32, -2.0].iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect();
        let brains: Vec<u8> = [1.5f32, -3e38].iter().flat_map(|x| bf16::from_f32(*x).to_le_bytes()).collect();
        let views = [
            ("a", Dtype::F16, vec![2, 1], halves),
            ("b", Dtype::I8, vec![3], vec![1, 255, 3]),
            ("c", Dtype::BF16, vec![2], brains),
        ];
        let views = views
            .iter()
            .map(|(name, dtype, shape, data)| (*name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
        FileBytes::owned(safetensors::serialize(views, None).unwrap())
    }

    #[test]
    fn weights_are_taken_by_name_type_and_shape() {
        let mut weights = Weights::parse("w", file()).unwrap();
        assert_eq!(weights.floats("a", &[2, 1]).unwrap(), [0.5, -2.0]);
        assert_eq!(weights.bytes("b", &[3]).unwrap(), [1, -1, 3]);
        assert_eq!(weights.floats("c", &[2]).unwrap(), [1.5, bf16::from_f32(-3e38).to_f32()]);
        weights.finish().unwrap();
    }

    #[test]
    fn what_is_missing_extra_misshaped_or_mistyped_is_named() {
        let mut weights = Weights::parse("w", file()).unwrap();
        weights.ignore(|name| name == "c");
        let errors = [
            weights.floats("d", &[1]).unwrap_err(),
            weights.floats("a", &[1, 2]).unwrap_err(),
            weights.floats("b", &[3]).unwrap_err(),
            weights.finish().unwrap_err(),
        ];
        let said = errors.map(|error| error.to_string());
        assert_eq!(said[0], "w has no weight d");
        assert_eq!(said[1], "weight a of w has the shape [2, 1], expected [1, 2]");
        assert_eq!(said[2], "weight b of w is I8, expected F32, F16 or BF16");
        // What was ignored is not named, and what was only tried is.
        assert_eq!(said[3], "w has weights that nothing uses: a");
    }

    #[test]
    fn the_files_of_a_model_are_one_and_share_no_weight() {
        let other = {
            let view = TensorView::new(Dtype::F32, vec![1], &[0, 0, 128, 63]).unwrap();
            FileBytes::owned(safetensors::serialize([("z", view)], None).unwrap())
        };
        let both = vec![("one".to_owned(), file()), ("two".to_owned(), other)];
        let mut weights = Weights::of_files(both).unwrap();
        assert_eq!(weights.floats("z", &[1]).unwrap(), [1.0]);
        assert_eq!(weights.floats("a", &[2, 1]).unwrap(), [0.5, -2.0]);
        let said = weights.floats("z", &[2]).unwrap_err().to_string();
        assert!(said.starts_with("weight z of two has the shape"), "{said}");
        let said = weights.floats("y", &[2]).unwrap_err().to_string();
        assert_eq!(said, "one and 1 more has no weight y");
        let twice = vec![("one".to_owned(), file()), ("two".to_owned(), file())];
        let said = Weights::of_files(twice).unwrap_err().to_string();
        assert!(said.starts_with("read two: the weight "), "{said}");
    }

    #[test]
    fn rows_are_read_when_they_are_asked_for() {
        let mut weights = Weights::parse("w", file()).unwrap();
        assert!(weights.is_half("a") && !weights.is_half("c"));
        let rows = weights.rows("a", [2, 1]).unwrap();
        let mut row = [9.0];
        rows.read(1, &mut row).unwrap();
        assert_eq!(row, [-2.0]);
        assert!(rows.read(2, &mut row).is_err());
        assert!(weights.rows("b", [3, 1]).is_err());
    }
}
