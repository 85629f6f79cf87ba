//! Messages in JSON: proto's JSON form with the names of the protos (CONTRACTS.md section 11).
//!
//! It departs from the form of `protobuf` in what scripts stumble over, and stays readable for its parsers otherwise: whole numbers are
//! numbers at any size, enums may be asked for by their short name (`image` for `MODALITY_IMAGE`), and a `Value` is plain JSON.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use bytes::Bytes;
use sensorium_api::reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _,
};
use sensorium_api::{Fault, v1};
use sensorium_types::ErrorKind;
use serde_json::{Map, Number, Value};

/// The message that stands for any JSON.
const ANY: &str = "sensorium.v1.Value";
/// How it is written by those who know only protobuf: one of these fields.
const ANY_FIELDS: [&str; 8] = [
    "null_value",
    "bool_value",
    "integer_value",
    "unsigned_value",
    "double_value",
    "string_value",
    "list_value",
    "struct_value",
];

/// Base64 with or without its end.
const STANDARD: GeneralPurpose = lenient(&base64::alphabet::STANDARD);
const URL_SAFE: GeneralPurpose = lenient(&base64::alphabet::URL_SAFE);

const fn lenient(alphabet: &base64::alphabet::Alphabet) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config)
}

/// Reads a message.
///
/// # Errors
/// An INVALID_ARGUMENT that names the field, as in `terms[0].weight`.
pub(super) fn read(descriptor: &MessageDescriptor, json: &Value) -> Result<DynamicMessage, Fault> {
    read_message(descriptor, json, "")
}

/// Writes a message: fields that may be unset only where they are set, all others always.
pub(super) fn write(message: &DynamicMessage) -> Value {
    if message.descriptor().full_name() == ANY {
        let value = message.transcode_to::<v1::Value>().ok().and_then(|value| Value::try_from(value).ok());
        return value.unwrap_or(Value::Null);
    }
    let mut object = Map::new();
    for field in message.descriptor().fields() {
        if !field.supports_presence() || message.has_field(&field) {
            object.insert(field.name().to_owned(), write_field(&field, &message.get_field(&field)));
        }
    }
    Value::Object(object)
}

fn wrong(field: &str, what: impl std::fmt::Display) -> Fault {
    let (message, field) = match field {
        "" => (what.to_string(), None),
        field => (format!("{field}: {what}"), Some(field.to_owned())),
    };
    Fault { field, ..Fault::new(ErrorKind::InvalidArgument, message) }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// What a JSON value is, in words.
const fn what(json: &Value) -> &'static str {
    match json {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn read_message(descriptor: &MessageDescriptor, json: &Value, path: &str) -> Result<DynamicMessage, Fault> {
    if descriptor.full_name() == ANY {
        return read_any(descriptor, json, path);
    }
    let Value::Object(fields) = json else {
        return Err(wrong(path, format!("expected an object, received {}", what(json))));
    };
    let mut message = DynamicMessage::new(descriptor.clone());
    let mut chosen: Vec<(String, String)> = Vec::new();
    for (name, json) in fields {
        let path = joined(path, name);
        let field = descriptor.get_field_by_name(name).or_else(|| descriptor.get_field_by_json_name(name));
        let Some(field) = field else {
            let known: Vec<_> = descriptor.fields().map(|field| field.name().to_owned()).collect();
            return Err(wrong(&path, format!("there is no such field; there are {}", known.join(", "))));
        };
        if json.is_null() {
            continue;
        }
        if let Some(oneof) = field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
            if let Some((_, other)) = chosen.iter().find(|(known, _)| known == oneof.name()) {
                return Err(wrong(&path, format!("only one of this and {other} can be given")));
            }
            chosen.push((oneof.name().to_owned(), name.clone()));
        }
        let value = read_field(&field, json, &path)?;
        message.try_set_field(&field, value).map_err(|error| wrong(&path, error))?;
    }
    Ok(message)
}

/// Any JSON; what is written as protobuf writes it is read so.
fn read_any(descriptor: &MessageDescriptor, json: &Value, path: &str) -> Result<DynamicMessage, Fault> {
    let spelled = json.as_object().filter(|fields| fields.len() == 1).and_then(|fields| fields.iter().next());
    if let Some((name, json)) = spelled.filter(|(name, _)| ANY_FIELDS.contains(&name.as_str())) {
        let mut message = DynamicMessage::new(descriptor.clone());
        if let Some(field) = descriptor.get_field_by_name(name) {
            let path = joined(path, name);
            let value = if json.is_null() {
                sensorium_api::reflect::Value::EnumNumber(0)
            } else {
                read_field(&field, json, &path)?
            };
            message.try_set_field(&field, value).map_err(|error| wrong(&path, error))?;
        }
        return Ok(message);
    }
    let mut message = DynamicMessage::new(descriptor.clone());
    message.transcode_from(&v1::Value::from(json.clone())).map_err(|error| wrong(path, error))?;
    Ok(message)
}

fn read_field(
    field: &FieldDescriptor,
    json: &Value,
    path: &str,
) -> Result<sensorium_api::reflect::Value, Fault> {
    if field.is_list() {
        let Value::Array(items) = json else {
            return Err(wrong(path, format!("expected an array, received {}", what(json))));
        };
        let items = items
            .iter()
            .enumerate()
            .map(|(at, item)| read_one(&field.kind(), item, &format!("{path}[{at}]")));
        return Ok(sensorium_api::reflect::Value::List(items.collect::<Result<_, _>>()?));
    }
    if !field.is_map() {
        return read_one(&field.kind(), json, path);
    }
    let (Value::Object(entries), Kind::Message(entry)) = (json, field.kind()) else {
        return Err(wrong(path, format!("expected an object, received {}", what(json))));
    };
    // Every map of the protos has keys of text.
    let kind = entry.map_entry_value_field().kind();
    let entries = entries
        .iter()
        .map(|(key, json)| Ok((MapKey::String(key.clone()), read_one(&kind, json, &joined(path, key))?)));
    Ok(sensorium_api::reflect::Value::Map(entries.collect::<Result<_, Fault>>()?))
}

fn read_one(kind: &Kind, json: &Value, path: &str) -> Result<sensorium_api::reflect::Value, Fault> {
    use sensorium_api::reflect::Value as Read;
    let expected = |expected: &str| wrong(path, format!("expected {expected}, received {}", what(json)));
    Ok(match kind {
        Kind::Message(descriptor) => Read::Message(read_message(descriptor, json, path)?),
        Kind::Enum(descriptor) => Read::EnumNumber(read_enum(descriptor, json, path)?),
        Kind::String => Read::String(json.as_str().ok_or_else(|| expected("a string"))?.to_owned()),
        Kind::Bytes => Read::Bytes(read_bytes(json, path)?),
        Kind::Bool => Read::Bool(match json {
            Value::Bool(value) => *value,
            Value::String(text) if text == "true" => true,
            Value::String(text) if text == "false" => false,
            Value::Null | Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                return Err(expected("true or false"));
            }
        }),
        Kind::Float => {
            #[expect(clippy::cast_possible_truncation, reason = "the field is of 32 bits")]
            let number = float(json).ok_or_else(|| expected("a number"))? as f32;
            if number.is_infinite() {
                return Err(wrong(path, "the number is too large for 32 bits"));
            }
            Read::F32(number)
        }
        Kind::Double => Read::F64(float(json).ok_or_else(|| expected("a number"))?),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Read::I32(whole(json, path, "32 bits")?),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Read::I64(whole(json, path, "64 bits")?),
        Kind::Uint32 | Kind::Fixed32 => Read::U32(whole(json, path, "32 bits, from 0")?),
        Kind::Uint64 | Kind::Fixed64 => Read::U64(whole(json, path, "64 bits, from 0")?),
    })
}

fn read_enum(descriptor: &EnumDescriptor, json: &Value, path: &str) -> Result<i32, Fault> {
    let names = || -> String {
        let names = descriptor.values().filter(|value| value.number() != 0);
        names.map(|value| short(descriptor, value.name())).collect::<Vec<_>>().join(", ")
    };
    if let Some(number) = json.as_i64() {
        let known = descriptor.values().find(|value| i64::from(value.number()) == number);
        return known
            .map(|value| value.number())
            .ok_or_else(|| wrong(path, format!("expected one of {}", names())));
    }
    let text = json.as_str().unwrap_or_default();
    let found = descriptor.values().find(|value| {
        let name = value.name();
        name.eq_ignore_ascii_case(text) || short(descriptor, name).eq_ignore_ascii_case(text)
    });
    let unknown = || wrong(path, format!("expected one of {}, received {json}", names()));
    found.filter(|_| !text.is_empty()).map(|value| value.number()).ok_or_else(unknown)
}

/// `image` of `MODALITY_IMAGE`.
fn short(descriptor: &EnumDescriptor, name: &str) -> String {
    let first = descriptor.get_value(0).map(|value| value.name().to_owned()).unwrap_or_default();
    let prefix = first.trim_end_matches("UNSPECIFIED");
    name.strip_prefix(prefix).unwrap_or(name).to_ascii_lowercase()
}

fn read_bytes(json: &Value, path: &str) -> Result<Bytes, Fault> {
    let text = json.as_str().ok_or_else(|| wrong(path, "expected a string of base64"))?;
    let read = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text));
    read.map(Bytes::from).map_err(|_| wrong(path, "this is not base64"))
}

fn float(json: &Value) -> Option<f64> {
    json.as_f64().or_else(|| json.as_str()?.parse().ok()).filter(|number| number.is_finite())
}

/// A whole number, also as text or with a fraction of zero.
fn whole<T: TryFrom<i128>>(json: &Value, path: &str, range: &str) -> Result<T, Fault> {
    let number = match json {
        Value::Number(number) => of_number(number),
        Value::String(text) => text.parse::<i128>().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let expected = || wrong(path, format!("expected a whole number of {range}, received {json}"));
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(expected)
}

fn of_number(number: &Number) -> Option<i128> {
    let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    #[expect(clippy::cast_possible_truncation, reason = "a whole number in the range of the type")]
    whole.or_else(|| number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 1e18).map(|n| n as i128))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all but lists and maps are single values")]
fn write_field(field: &FieldDescriptor, value: &sensorium_api::reflect::Value) -> Value {
    use sensorium_api::reflect::Value as Held;
    match value {
        Held::List(items) => Value::Array(items.iter().map(|item| write_one(&field.kind(), item)).collect()),
        Held::Map(entries) => {
            let Kind::Message(entry) = field.kind() else { return Value::Null };
            let kind = entry.map_entry_value_field().kind();
            let mut entries: Vec<_> = entries
                .iter()
                .map(|(key, value)| (key.as_str().unwrap_or_default().to_owned(), write_one(&kind, value)))
                .collect();
            entries.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(entries.into_iter().collect())
        }
        one => write_one(&field.kind(), one),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "lists and maps are written by the caller")]
fn write_one(kind: &Kind, value: &sensorium_api::reflect::Value) -> Value {
    use sensorium_api::reflect::Value as Held;
    match value {
        Held::Bool(value) => Value::Bool(*value),
        Held::I32(number) => Value::from(*number),
        Held::I64(number) => Value::from(*number),
        Held::U32(number) => Value::from(*number),
        Held::U64(number) => Value::from(*number),
        // As short as it can be: what is read back is the same number of 32 bits.
        Held::F32(number) => number.to_string().parse::<f64>().map_or(Value::Null, Value::from),
        Held::F64(number) => Value::from(*number),
        Held::String(text) => Value::String(text.clone()),
        Held::Bytes(bytes) => Value::String(general_purpose::STANDARD.encode(bytes)),
        Held::EnumNumber(number) => match kind {
            Kind::Enum(descriptor) => descriptor
                .get_value(*number)
                .map_or_else(|| Value::from(*number), |value| Value::String(value.name().to_owned())),
            _ => Value::from(*number),
        },
        Held::Message(message) => write(message),
        Held::List(_) | Held::Map(_) => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::schema::POOL;
    use super::*;

    fn message(name: &str) -> MessageDescriptor {
        POOL.get_message_by_name(&format!("sensorium.v1.{name}")).expect("known")
    }

    fn query(json: &Value) -> Result<v1::QueryRequest, Fault> {
        read(&message("QueryRequest"), json)?.transcode_to().map_err(|error| wrong("", error))
    }

    #[test]
    fn a_query_is_read_by_names_of_the_protos_and_by_short_ones() {
        let read = query(&json!({
            "terms": [{ "text": "dog", "weight": 0.5 }, { "image": { "data": "aGk" }, "weight": -1 }],
            "modalities": ["image", "MODALITY_VIDEO"],
            "limit": "7",
            "filterText": "year >= 2020",
            "raw": null,
        }));
        let read = read.expect("reads");
        assert_eq!(read.terms.len(), 2);
        assert_eq!(read.terms.first().map(|term| term.weight), Some(Some(0.5)));
        assert_eq!(read.modalities, [v1::Modality::Image as i32, v1::Modality::Video as i32]);
        assert_eq!((read.limit, read.filter_text.as_str(), read.raw), (Some(7), "year >= 2020", false));
        let media = read.terms.into_iter().nth(1).and_then(|term| term.input);
        let Some(v1::term::Input::Image(v1::MediaInput { source: Some(source) })) = media else {
            panic!("an image: {media:?}");
        };
        assert_eq!(source, v1::media_input::Source::Data(Bytes::from_static(b"hi")));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (json, field, part) in [
            (json!({ "terms": [{ "txt": "dog" }] }), "terms[0].txt", "no such field"),
            (json!({ "terms": {} }), "terms", "an array"),
            (json!({ "terms": [{ "text": 1 }] }), "terms[0].text", "a string"),
            (json!({ "terms": [{ "text": "a", "asset_id": "b" }] }), "terms[0].asset_id", "only one of"),
            (json!({ "limit": -1 }), "limit", "whole number"),
            (json!({ "limit": 1.5 }), "limit", "whole number"),
            (json!({ "limit": 4_294_967_296_u64 }), "limit", "whole number"),
            (json!({ "score_threshold": "1e99" }), "score_threshold", "too large"),
            (json!({ "score_threshold": "NaN" }), "score_threshold", "a number"),
            (json!({ "modalities": ["film"] }), "modalities[0]", "text, image, video, audio"),
            (json!({ "modalities": [9] }), "modalities[0]", "text, image, video, audio"),
            (json!({ "terms": [{ "image": { "data": "?" } }] }), "terms[0].image.data", "base64"),
            (json!({ "all": "maybe" }), "all", "true or false"),
        ] {
            let fault = query(&json).expect_err("wrong");
            assert_eq!((fault.kind, fault.field.as_deref()), (ErrorKind::InvalidArgument, Some(field)));
            assert!(fault.message.contains(part), "{fault}");
        }
        assert_eq!(query(&json!([])).expect_err("wrong").field, None);
    }

    #[test]
    fn payloads_are_plain_json_and_whole_numbers_stay_whole() {
        let payload =
            json!({ "big": u64::MAX, "low": i64::MIN, "x": 0.5, "tags": ["a", { "b": null }], "yes": true });
        let item = read(&message("SetPayloadRequest"), &json!({ "payload": payload })).expect("reads");
        assert_eq!(write(&item).get("payload"), Some(&payload));
        // As protobuf writes it.
        let spelled =
            json!({ "payload": { "big": { "unsigned_value": "7" }, "none": { "null_value": null } } });
        let item = read(&message("SetPayloadRequest"), &spelled).expect("reads");
        assert_eq!(write(&item).get("payload"), Some(&json!({ "big": 7, "none": null })));
    }

    #[test]
    fn lists_and_texts_are_always_written_and_what_is_unset_is_not() {
        let hit =
            v1::Hit { rank: 1, cosine: 0.1, modality: v1::Modality::Image.into(), ..v1::Hit::default() };
        let mut dynamic = DynamicMessage::new(message("Hit"));
        dynamic.transcode_from(&hit).expect("the same message");
        let json = write(&dynamic);
        assert_eq!(json.get("modality"), Some(&json!("MODALITY_IMAGE")));
        assert_eq!(json.get("cosine").map(ToString::to_string).as_deref(), Some("0.1"));
        assert_eq!((json.get("paths"), json.get("path")), (Some(&json!([])), Some(&json!(""))));
        assert_eq!((json.get("moment"), json.get("score")), (None, None));
    }
}
