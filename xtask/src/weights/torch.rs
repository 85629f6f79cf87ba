//! Torch's layout before 1.6: five pickles, then the storages.
//!
//! | part | holds |
//! | --- | --- |
//! | pickle 1 | the magic number, 10 bytes |
//! | pickle 2 | protocol, 1001 |
//! | pickle 3 | the writer's byte order and sizes |
//! | pickle 4 | the dictionary of tensors, each a view into a storage |
//! | pickle 5 | the list of storage keys, in the order that follows |
//! | a storage | `u64` number of elements, then the elements, little endian |

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

use super::pickle::{Reader, Value, View};
use super::tensors::{Tensor, Tensors};

const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const PROTOCOL: i64 = 1001;
const FLOATS: &str = "torch FloatStorage";
const LONGS: &str = "torch LongStorage";

/// Reads every tensor of floats; integer tensors (counters of batches) are left out.
pub(super) fn read(bytes: &[u8]) -> Result<Tensors> {
    let mut reader = Reader { rest: bytes };
    ensure!(matches!(reader.pickle()?, Value::Long(magic) if magic == MAGIC), "not torch's old layout");
    ensure!(matches!(reader.pickle()?, Value::Int(PROTOCOL)), "another protocol of torch's old layout");
    reader.pickle()?;
    let Value::Dict(entries) = reader.pickle()? else { bail!("the checkpoint is no dictionary") };
    let Value::List(keys) = reader.pickle()? else { bail!("the checkpoint's storages are no list") };
    let mut views = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        let (Value::Text(name), Value::Tensor(view)) = (name, value) else {
            bail!("the checkpoint holds something beside tensors")
        };
        views.push((name, view));
    }
    let sizes: HashMap<&str, usize> = views
        .iter()
        .map(|(_, view)| Ok((view.storage.key.as_str(), element_bytes(view)?)))
        .collect::<Result<_>>()?;
    let mut storages = HashMap::with_capacity(keys.len());
    for key in &keys {
        let Value::Text(key) = key else { bail!("a storage key that is no text") };
        let size = sizes.get(key.as_ref()).with_context(|| format!("storage {key} belongs to no tensor"))?;
        let elements = usize::try_from(u64::from_le_bytes(reader.take(8)?.try_into()?))?;
        storages.insert(key.to_string(), reader.take(elements.saturating_mul(*size))?);
    }
    let mut tensors = Tensors::default();
    for (name, view) in &views {
        if view.storage.kind == FLOATS {
            let storage =
                storages.get(&view.storage.key).with_context(|| format!("no storage for {name}"))?;
            tensors.insert(name, gather(storage, view).with_context(|| format!("read {name}"))?);
        }
    }
    Ok(tensors)
}

fn element_bytes(view: &View) -> Result<usize> {
    match view.storage.kind.as_str() {
        FLOATS => Ok(4),
        LONGS => Ok(8),
        other => bail!("storages of kind {other} are not read here"),
    }
}

/// Copies a view into row-major order: weights of these checkpoints lie transposed in their storages.
fn gather(storage: &[u8], view: &View) -> Result<Tensor> {
    ensure!(view.shape.len() == view.strides.len(), "shape and strides differ in length");
    ensure!(view.storage.elements * 4 == storage.len(), "a storage of another size than its tensor says");
    let count: usize = view.shape.iter().product();
    let mut values = Vec::with_capacity(count);
    let mut index = vec![0usize; view.shape.len()];
    for _ in 0..count {
        let at = view.offset + index.iter().zip(&view.strides).map(|(i, stride)| i * stride).sum::<usize>();
        let bytes = storage.get(at * 4..at * 4 + 4).context("a view past its storage")?;
        values.push(f32::from_le_bytes(bytes.try_into()?));
        for (i, size) in index.iter_mut().zip(&view.shape).rev() {
            *i += 1;
            if *i < *size {
                break;
            }
            *i = 0;
        }
    }
    Tensor::new(view.shape.clone(), values)
}
