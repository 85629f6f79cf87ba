//! The header of a safetensors file: names, types, shapes and places, read without the numbers.

use safetensors::tensor::{Dtype, Metadata};

use super::FileBytes;
use crate::EmbedError;

/// Bytes in front of a header, which hold its length.
const LENGTH_BYTES: usize = 8;
/// Longest header that is read; the format's own limit.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// One tensor of a file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Which of the model's files holds it.
    pub(super) file: usize,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// Where it begins in the file.
    pub(super) from: u64,
    /// Its bytes.
    pub(super) len: usize,
}

/// The tensors of a file, which is the model's file of this number.
///
/// # Errors
/// [`EmbedError::Damaged`] where the file is cut, longer than it says, or no safetensors.
pub(super) fn read(file: &str, bytes: &FileBytes, number: usize) -> Result<Vec<(String, Entry)>, EmbedError> {
    let damaged = |source| EmbedError::Damaged { file: file.to_owned(), source };
    let unread = |source: std::io::Error| {
        if source.kind() == std::io::ErrorKind::UnexpectedEof {
            damaged("it ends within its header".into())
        } else {
            EmbedError::Read { name: file.to_owned(), source }
        }
    };
    let length = bytes.read(0, LENGTH_BYTES).map_err(unread)?;
    let length = length.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    if length > MAX_HEADER_BYTES {
        return Err(damaged(format!("a header of {length} bytes: it is no safetensors").into()));
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let header = bytes.read(LENGTH_BYTES as u64, length).map_err(unread)?;
    let metadata = metadata(&header).map_err(damaged)?;
    let begin = (LENGTH_BYTES + length) as u64;
    if begin.checked_add(metadata.data_len() as u64) != Some(bytes.len()) {
        let (is, says) = (bytes.len(), begin + metadata.data_len() as u64);
        let source = format!("it has {is} bytes, and its header speaks of {says}: load it anew").into();
        return Err(damaged(source));
    }
    let entry = |info: &safetensors::tensor::TensorInfo| Entry {
        file: number,
        dtype: info.dtype,
        shape: info.shape.clone(),
        from: begin + info.data_offsets.0 as u64,
        len: info.data_offsets.1 - info.data_offsets.0,
    };
    Ok(metadata.tensors().into_iter().map(|(name, info)| (name, entry(info))).collect())
}

/// What a header says, checked as the library does: tensors follow one another without gaps, and each has as many bytes
/// as its shape asks for.
fn metadata(header: &[u8]) -> Result<Metadata, crate::error::Cause> {
    let metadata: Metadata = serde_json::from_slice(header)?;
    let mut tensors: Vec<_> = metadata.tensors().into_iter().collect();
    tensors.sort_by_key(|(_, info)| info.data_offsets);
    let mut end = 0;
    for (name, info) in tensors {
        let (from, to) = info.data_offsets;
        let numbers = info.shape.iter().try_fold(1_usize, |all, side| all.checked_mul(*side));
        let bits = numbers.and_then(|numbers| numbers.checked_mul(info.dtype.bitsize()));
        if from != end || to < from || bits != (to - from).checked_mul(8) {
            return Err(format!("the tensor {name} does not lie where the header says").into());
        }
        end = to;
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    fn file() -> Vec<u8> {
        let data: Vec<u8> = [1.0f32, 2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, vec![2], &data).unwrap();
        safetensors::serialize([("a", view)], None).unwrap()
    }

    #[test]
    fn a_header_tells_where_its_tensors_lie() {
        let read = read("w", &FileBytes::owned(file()), 3).unwrap();
        let (name, entry) = read.first().unwrap();
        assert_eq!((name.as_str(), entry.file, entry.len), ("a", 3, 8));
        assert_eq!(entry.from + 8, file().len() as u64);
    }

    #[test]
    fn what_is_cut_longer_or_no_safetensors_is_damaged() {
        let whole = file();
        let mut longer = whole.clone();
        longer.push(0);
        let mut gap = whole.clone();
        let at = gap.windows(5).position(|part| part == b"[0,8]").unwrap();
        gap[at + 1] = b'4';
        let cases =
            [whole[..whole.len() - 1].to_vec(), longer, gap, whole[..20].to_vec(), whole[..4].to_vec()];
        for bytes in cases.into_iter().chain([b"version https://git-lfs.github.com/spec/v1".to_vec()]) {
            let error = read("w", &FileBytes::owned(bytes), 0).unwrap_err();
            assert!(matches!(error, EmbedError::Damaged { .. }), "{error:?}");
        }
    }
}
