//! Parameters of an address, as fields of a message.

use sensorium_api::reflect::{Kind, MessageDescriptor};
use serde_json::{Map, Value};

use super::problem::Problem;

/// The parameter that names a collection, wherever one is meant.
pub(super) const COLLECTION: &str = "collection";
/// The field that it fills.
pub(super) const COLLECTION_FIELD: &str = "collection_name";
/// Most parameters of an address.
const MAX_PARAMETERS: usize = 64;

/// The parameters of an address, in order.
///
/// # Errors
/// If one is no UTF-8, or there are too many.
pub(super) fn parse(query: Option<&str>) -> Result<Vec<(String, String)>, Problem> {
    let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8();
        decoded.map(std::borrow::Cow::into_owned)
    };
    let mut parameters = Vec::new();
    for pair in pairs {
        if parameters.len() == MAX_PARAMETERS {
            return Err(Problem::invalid(format!("at most {MAX_PARAMETERS} parameters are read")));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let invalid = |_| Problem::invalid(format!("the parameter {name:?} is not UTF-8"));
        parameters.push((decode(name).map_err(invalid)?, decode(value).map_err(invalid)?));
    }
    Ok(parameters)
}

/// The one parameter of this name.
pub(super) fn find<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Whether a field can be told by a parameter.
pub(super) fn is_simple(field: &sensorium_api::reflect::FieldDescriptor) -> bool {
    !field.is_map() && !matches!(field.kind(), Kind::Message(_) | Kind::Bytes)
}

/// Puts parameters into a message: `collection` into the name of the collection, of a query that stands or of each of a batch into that of the query;
/// others, where they may be, into the field of their name.
///
/// # Errors
/// If a parameter is no field, or says otherwise than the body.
pub(super) fn fill(
    object: &mut Map<String, Value>,
    parameters: Vec<(String, String)>,
    descriptor: &MessageDescriptor,
    has_body: bool,
) -> Result<(), Problem> {
    for (name, value) in parameters {
        if name == COLLECTION {
            fill_collection(object, &value, descriptor)?;
            continue;
        }
        let field = descriptor.get_field_by_name(&name).filter(|field| !has_body && is_simple(field));
        let Some(field) = field else {
            let known = descriptor.fields().filter(|field| !has_body && is_simple(field));
            let mut known: Vec<_> = known.map(|field| field.name().to_owned()).collect();
            known.retain(|name| name != COLLECTION_FIELD);
            known.insert(0, COLLECTION.to_owned());
            let known = known.join(", ");
            return Err(Problem::invalid(format!("there is no parameter {name:?}; there are {known}")));
        };
        if field.is_list() {
            let list = object.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(items) = list {
                items.push(Value::String(value));
            }
        } else if object.insert(name.clone(), Value::String(value)).is_some() {
            return Err(Problem::invalid(format!("the parameter {name:?} is given twice")));
        }
    }
    Ok(())
}

fn fill_collection(
    object: &mut Map<String, Value>,
    value: &str,
    descriptor: &MessageDescriptor,
) -> Result<(), Problem> {
    if descriptor.get_field_by_name(COLLECTION_FIELD).is_some() {
        return put_collection(object, value);
    }
    if let Some(query) = object.get_mut("query").and_then(Value::as_object_mut) {
        return put_collection(query, value);
    }
    let queries = object.get_mut("queries").and_then(Value::as_array_mut);
    let mut queries = queries.into_iter().flatten().filter_map(Value::as_object_mut);
    queries.try_for_each(|query| put_collection(query, value))
}

fn put_collection(object: &mut Map<String, Value>, value: &str) -> Result<(), Problem> {
    match object.get(COLLECTION_FIELD).and_then(Value::as_str).filter(|said| !said.is_empty()) {
        Some(said) if said != value => {
            let message = format!("the address names the collection {value:?}, the message {said:?}");
            Err(Problem::invalid(message))
        }
        _ => {
            object.insert(COLLECTION_FIELD.to_owned(), Value::String(value.to_owned()));
            Ok(())
        }
    }
}

/// Puts a value at a path of fields; a list takes it as its only item.
pub(super) fn put(
    object: &mut Map<String, Value>,
    path: &str,
    value: String,
    descriptor: &MessageDescriptor,
) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let Some(field) = descriptor.get_field_by_name(name) else { return };
    match (field.kind(), rest) {
        (Kind::Message(inner), Some(rest)) => {
            let object = object.entry(name).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(object) = object {
                put(object, rest, value, &inner);
            }
        }
        _ if field.is_list() => {
            object.insert(name.to_owned(), Value::Array(vec![Value::String(value)]));
        }
        _ => {
            object.insert(name.to_owned(), Value::String(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::schema::method;
    use super::*;

    fn filled(rpc: &str, body: Option<Value>, query: &str) -> Result<Value, Problem> {
        let descriptor = method(rpc).expect("a call").input();
        let mut object = body.clone().and_then(|body| body.as_object().cloned()).unwrap_or_default();
        fill(&mut object, parse(Some(query))?, &descriptor, body.is_some())?;
        Ok(Value::Object(object))
    }

    #[test]
    fn parameters_are_fields_and_collection_is_meant_everywhere() {
        let failures = filled("AdminService/ListFailures", None, "warnings=true&collection=my+own%2Fone");
        let expected = json!({ "warnings": "true", "collection_name": "my own/one" });
        assert_eq!(failures.expect("fills"), expected);
        let batch = json!({ "queries": [{ "limit": 1 }, { "collection_name": "a" }] });
        let batch = filled("QueryService/QueryBatch", Some(batch), "collection=a").expect("fills");
        let expected = json!({ "queries": [
            { "limit": 1, "collection_name": "a" }, { "collection_name": "a" },
        ]});
        assert_eq!(batch, expected);
        let standing = json!({ "query": { "terms": [] } });
        let standing = filled("QueryService/Watch", Some(standing), "collection=a").expect("fills");
        assert_eq!(standing, json!({ "query": { "terms": [], "collection_name": "a" } }));
    }

    #[test]
    fn what_no_field_is_or_what_contradicts_is_refused() {
        for (rpc, body, query) in [
            ("AdminService/Stats", None, "colection=a"),
            ("AdminService/Stats", None, "collection=%FF"),
            ("AdminService/ListFailures", None, "warnings=true&warnings=false"),
            ("QueryService/Query", Some(json!({ "collection_name": "a" })), "collection=b"),
            ("QueryService/Query", Some(json!({})), "limit=3"),
        ] {
            assert!(filled(rpc, body, query).is_err(), "{query}");
        }
    }
}
