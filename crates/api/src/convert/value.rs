//! Payloads. Whole numbers stay whole; JSON has no other numbers than finite ones.

use std::collections::BTreeMap;

use sensorium_types::Payload;
use serde_json::{Map, Number, Value};

use crate::v1::value::Kind;
use crate::{ConvertError, v1};

impl From<Value> for v1::Value {
    fn from(value: Value) -> Self {
        let kind = match value {
            Value::Null => Kind::NullValue(v1::NullValue::Unspecified.into()),
            Value::Bool(value) => Kind::BoolValue(value),
            Value::Number(number) => number_kind(&number),
            Value::String(text) => Kind::StringValue(text),
            Value::Array(values) => {
                Kind::ListValue(v1::ListValue { values: values.into_iter().map(Self::from).collect() })
            }
            Value::Object(fields) => Kind::StructValue(v1::StructValue { fields: fields_of(fields) }),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<v1::Value> for Value {
    type Error = ConvertError;

    fn try_from(value: v1::Value) -> Result<Self, ConvertError> {
        Ok(match value.kind {
            None | Some(Kind::NullValue(_)) => Self::Null,
            Some(Kind::BoolValue(value)) => Self::Bool(value),
            Some(Kind::IntegerValue(number)) => Self::from(number),
            Some(Kind::UnsignedValue(number)) => Self::from(number),
            Some(Kind::DoubleValue(number)) => Self::Number(finite("payload", number)?),
            Some(Kind::StringValue(text)) => Self::String(text),
            Some(Kind::ListValue(list)) => {
                Self::Array(list.values.into_iter().map(Self::try_from).collect::<Result<_, _>>()?)
            }
            Some(Kind::StructValue(object)) => Self::Object(map_of(object.fields)?),
        })
    }
}

/// The fields of a payload as a message carries them.
pub fn payload_fields(payload: Payload) -> BTreeMap<String, v1::Value> {
    fields_of(payload.0)
}

/// A payload from the fields of a message.
///
/// # Errors
/// [`ConvertError::Number`] for a number that JSON does not have.
pub fn payload(fields: BTreeMap<String, v1::Value>) -> Result<Payload, ConvertError> {
    map_of(fields).map(Payload)
}

fn number_kind(number: &Number) -> Kind {
    match Whole::of(number) {
        Whole::Signed(number) => Kind::IntegerValue(number),
        Whole::Unsigned(number) => Kind::UnsignedValue(number),
        Whole::No(number) => Kind::DoubleValue(number),
    }
}

/// A number by the type that carries it without rounding.
pub(super) enum Whole {
    Signed(i64),
    /// Above the range of the signed ones.
    Unsigned(u64),
    No(f64),
}

impl Whole {
    pub(super) fn of(number: &Number) -> Self {
        match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Self::Signed(number),
            (None, Some(number)) => Self::Unsigned(number),
            (None, None) => Self::No(number.as_f64().unwrap_or(f64::NAN)),
        }
    }
}

/// A number that JSON has.
pub(super) fn finite(field: &'static str, number: f64) -> Result<Number, ConvertError> {
    Number::from_f64(number).ok_or_else(|| ConvertError::Number {
        field,
        expected: "a finite number",
        received: number.to_string(),
    })
}

fn fields_of(fields: Map<String, Value>) -> BTreeMap<String, v1::Value> {
    fields.into_iter().map(|(name, value)| (name, value.into())).collect()
}

fn map_of(fields: BTreeMap<String, v1::Value>) -> Result<Map<String, Value>, ConvertError> {
    fields.into_iter().map(|(name, value)| Ok((name, value.try_into()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_comes_back_equal() {
        let json = serde_json::json!({
            "a": null, "b": true, "c": -3, "d": u64::MAX, "e": 0.5, "f": "x", "g": [1, "y", {"h": []}], "i": i64::MAX,
        });
        let before = Payload(json.as_object().cloned().expect("object"));
        assert_eq!(payload(payload_fields(before.clone())), Ok(before));
    }

    #[test]
    fn a_number_that_is_none_is_refused() {
        for number in [f64::NAN, f64::INFINITY] {
            let value = v1::Value { kind: Some(Kind::DoubleValue(number)) };
            assert!(Value::try_from(value).is_err());
        }
    }
}
