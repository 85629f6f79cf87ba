//! Values of a JSON object, with defaults where it has none.

use serde_json::{Map, Value};

use super::fault;
use crate::{BundleFiles, EmbedError};

/// An object, and the file that it stands in, for messages.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) file: String,
    values: Map<String, Value>,
}

/// Reads a file that holds an object.
pub(super) fn object(files: &dyn BundleFiles, file: &str) -> Result<Object, EmbedError> {
    let bytes = files.read(file)?;
    let value: Value =
        serde_json::from_slice(&bytes).map_err(|error| fault(file, format!("no JSON: {error}")))?;
    let Value::Object(values) = value else { return Err(fault(file, "no JSON object")) };
    Ok(Object { file: file.to_owned(), values })
}

/// The same of a file that need not be there.
pub(super) fn object_if_there(files: &dyn BundleFiles, file: &str) -> Result<Option<Object>, EmbedError> {
    match object(files, file) {
        Ok(object) => Ok(Some(object)),
        Err(EmbedError::MissingFile { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Object {
    /// One without a value, as if a file held it.
    pub(super) fn empty(file: &str) -> Self {
        Self { file: file.to_owned(), values: Map::new() }
    }

    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// The object under a key; empty where there is none.
    pub(super) fn part(&self, key: &str) -> Object {
        let values = self.value(key).and_then(Value::as_object).cloned().unwrap_or_default();
        Self { file: self.file.clone(), values }
    }

    /// The same values with those of another object in their places.
    pub(super) fn overlaid(mut self, other: &Self) -> Self {
        self.values.extend(other.values.clone());
        self
    }

    pub(super) fn fault(&self, what: impl Into<String>) -> EmbedError {
        fault(&self.file, what)
    }

    fn wrong(&self, key: &str, value: &Value, wanted: &str) -> EmbedError {
        self.fault(format!("{key} is {value}, expected {wanted}"))
    }

    /// A count.
    pub(super) fn count(&self, key: &str, default: usize) -> Result<usize, EmbedError> {
        let Some(value) = self.value(key) else { return Ok(default) };
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
        count.ok_or_else(|| self.wrong(key, value, "a whole number"))
    }

    /// Counts in a row.
    pub(super) fn counts(&self, key: &str, default: &[usize]) -> Result<Vec<usize>, EmbedError> {
        let Some(value) = self.value(key) else { return Ok(default.to_vec()) };
        let count = |value: &Value| value.as_u64().and_then(|count| usize::try_from(count).ok());
        let counts = value.as_array().and_then(|values| values.iter().map(count).collect());
        counts.ok_or_else(|| self.wrong(key, value, "whole numbers in a row"))
    }

    /// A count that must be there.
    pub(super) fn needed_count(&self, key: &str) -> Result<usize, EmbedError> {
        match self.value(key) {
            Some(_) => self.count(key, 0),
            None => Err(self.fault(format!("{key} is missing"))),
        }
    }

    pub(super) fn number(&self, key: &str, default: f64) -> Result<f64, EmbedError> {
        let Some(value) = self.value(key) else { return Ok(default) };
        value.as_f64().ok_or_else(|| self.wrong(key, value, "a number"))
    }

    /// A number that has no more digits than a tower counts.
    pub(super) fn short_number(&self, key: &str, default: f64) -> Result<f32, EmbedError> {
        Ok(rounded(self.number(key, default)?))
    }

    /// So many times a width, as a width.
    pub(super) fn times(&self, key: &str, default: f64, width: usize) -> Result<usize, EmbedError> {
        let wide = (self.number(key, default)? * width as f64).round();
        if !(0.0..=f64::from(u32::MAX)).contains(&wide) {
            return Err(self.fault(format!("{key} gives a width of {wide}")));
        }
        #[expect(clippy::cast_possible_truncation, reason = "within the bounds above")]
        let wide = wide as usize;
        Ok(wide)
    }

    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool, EmbedError> {
        let Some(value) = self.value(key) else { return Ok(default) };
        value.as_bool().ok_or_else(|| self.wrong(key, value, "true or false"))
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.value(key).and_then(Value::as_str)
    }

    /// The side of a square: a number, or twice the same.
    pub(super) fn side(&self, key: &str, default: usize) -> Result<usize, EmbedError> {
        let Some(value) = self.value(key) else { return Ok(default) };
        let as_side = |value: &Value| value.as_u64().and_then(|side| usize::try_from(side).ok());
        let sides: Vec<Option<usize>> = if let Value::Array(sides) = value {
            sides.iter().map(as_side).collect()
        } else if value.is_object() {
            let part = self.part(key);
            ["height", "width"].into_iter().filter_map(|side| part.value(side)).map(as_side).collect()
        } else {
            vec![as_side(value)]
        };
        match sides.as_slice() {
            [Some(side)] => Ok(*side),
            [Some(height), Some(width)] if height == width => Ok(*height),
            _ => Err(self.wrong(key, value, "the side of a square")),
        }
    }

    /// One number for each colour.
    pub(super) fn colours(&self, key: &str, default: [f32; 3]) -> Result<[f32; 3], EmbedError> {
        let Some(value) = self.value(key) else { return Ok(default) };
        let numbers =
            value.as_array().map(|values| values.iter().filter_map(Value::as_f64).collect::<Vec<_>>());
        match numbers.as_deref() {
            Some([red, green, blue]) => Ok([rounded(*red), rounded(*green), rounded(*blue)]),
            Some(_) | None => Err(self.wrong(key, value, "three numbers")),
        }
    }
}

/// A number of a configuration in the precision that towers compute in.
#[expect(clippy::cast_possible_truncation, reason = "rounded to the nearest, as the reference does")]
pub(super) const fn rounded(number: f64) -> f32 {
    number as f32
}
