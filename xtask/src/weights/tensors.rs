//! Named tensors between a reader and a writer.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use half::f16;
use serde_json::{Value as Json, json};

/// Numbers in row-major order.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
}

impl Tensor {
    pub(super) fn new(shape: Vec<usize>, values: Vec<f32>) -> Result<Self> {
        let count: usize = shape.iter().product();
        ensure!(count == values.len(), "{} values for the shape {shape:?}", values.len());
        Ok(Self { shape, values })
    }

    /// The same of numbers as files have them, the lowest byte first.
    pub(super) fn from_bytes(shape: Vec<usize>, bytes: &[u8]) -> Result<Self> {
        let (values, rest) = bytes.as_chunks();
        ensure!(rest.is_empty(), "{} bytes of numbers of four", bytes.len());
        Self::new(shape, values.iter().map(|value| f32::from_le_bytes(*value)).collect())
    }
}

/// Tensors by name, taken out one by one so that what nobody took can be named.
#[derive(Default)]
pub(super) struct Tensors(BTreeMap<String, Tensor>);

impl Tensors {
    pub(super) fn insert(&mut self, name: &str, tensor: Tensor) {
        self.0.insert(name.to_owned(), tensor);
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn take(&mut self, name: &str) -> Result<Tensor> {
        self.0.remove(name).with_context(|| format!("no tensor {name}"))
    }

    /// What is left.
    pub(super) fn into_rest(self) -> impl Iterator<Item = (String, Tensor)> {
        self.0.into_iter()
    }

    pub(super) fn ensure_empty(&self) -> Result<()> {
        ensure!(self.0.is_empty(), "tensors that nothing uses: {:?}", self.0.keys().collect::<Vec<_>>());
        Ok(())
    }
}

/// Collects encoded tensors and writes them as safetensors, in an order that depends only on dtypes and names.
///
/// The library writes metadata in the order of a hash map; a file with a pinned hash needs a fixed one, and the format
/// is small: `u64` length of the header, the header as JSON padded by spaces to 8 bytes, the tensors.
#[derive(Default)]
pub(super) struct Writer(BTreeMap<(Dtype, String), (Vec<usize>, Vec<u8>)>);

/// In the order of the file: larger numbers first, so that each tensor is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Dtype {
    F32,
    F16,
    I8,
}

impl Writer {
    pub(super) fn f32(&mut self, name: impl Into<String>, tensor: &Tensor) {
        let bytes = tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.0.insert((Dtype::F32, name.into()), (tensor.shape.clone(), bytes));
    }

    pub(super) fn f16(&mut self, name: impl Into<String>, tensor: &Tensor) {
        let bytes = tensor.values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect();
        self.0.insert((Dtype::F16, name.into()), (tensor.shape.clone(), bytes));
    }

    pub(super) fn i8(&mut self, name: impl Into<String>, shape: Vec<usize>, values: &[i8]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.0.insert((Dtype::I8, name.into()), (shape, bytes));
    }

    pub(super) fn finish(self, metadata: &[(&str, &str)]) -> Result<Vec<u8>> {
        let mut header = serde_json::Map::new();
        if !metadata.is_empty() {
            let metadata =
                metadata.iter().map(|(key, value)| ((*key).to_owned(), Json::from(*value))).collect();
            header.insert("__metadata__".to_owned(), Json::Object(metadata));
        }
        let mut at = 0;
        for ((dtype, name), (shape, bytes)) in &self.0 {
            let end = at + bytes.len();
            let entry = json!({"dtype": format!("{dtype:?}"), "shape": shape, "data_offsets": [at, end]});
            header.insert(name.clone(), entry);
            at = end;
        }
        let mut header = serde_json::to_vec(&header)?;
        header.resize(header.len().next_multiple_of(8), b' ');
        let mut file = Vec::with_capacity(8 + header.len() + at);
        file.extend((header.len() as u64).to_le_bytes());
        file.extend(header);
        file.extend(self.0.into_values().flat_map(|(_, bytes)| bytes));
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_is_what_the_library_reads() {
        let tensor = Tensor::new(vec![2, 1], vec![0.5, -1.0]).unwrap();
        let mut writer = Writer::default();
        writer.i8("a", vec![3], &[1, -2, 3]);
        writer.f16("b", &tensor);
        writer.f32("c", &tensor);
        let file = writer.finish(&[("variant", "small")]).unwrap();
        let read = safetensors::SafeTensors::deserialize(&file).unwrap();
        assert_eq!(read.tensor("a").unwrap().data(), [1, 254, 3]);
        assert_eq!(read.tensor("b").unwrap().shape(), [2, 1]);
        assert_eq!(read.tensor("c").unwrap().data(), [0.5f32.to_le_bytes(), (-1f32).to_le_bytes()].concat());
        let (_, metadata) = safetensors::SafeTensors::read_metadata(&file).unwrap();
        assert_eq!(metadata.metadata().as_ref().unwrap()["variant"], "small");
    }
}
