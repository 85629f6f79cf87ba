//! What a filter means for a payload.

use std::cmp::Ordering;

use serde_json::Value;

use super::LOCATION_FIELD;
use super::time::Period;
use super::{Comparison, Filter, Literal};
use crate::{GeoPoint, Payload, number, text};

impl Filter {
    /// Whether the payload meets the condition.
    pub fn matches(&self, payload: &Payload) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(payload)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(payload)),
            Self::Not(part) => !part.matches(payload),
            Self::Exists { field } => payload.get(field).is_some_and(|value| !value.is_null()),
            Self::In { field, values } => payload
                .get(field)
                .is_some_and(|value| values.iter().any(|literal| compare(value, Comparison::Equal, literal))),
            Self::Compare { field, comparison, value } => {
                payload.get(field).is_some_and(|found| compare(found, *comparison, value))
            }
            Self::Within { field, area } => {
                let mut places = payload.get(field).into_iter().flat_map(GeoPoint::all_of).peekable();
                if places.peek().is_none() && field == LOCATION_FIELD {
                    return own_place(payload).is_some_and(|place| area.contains(place));
                }
                places.any(|place| area.contains(place))
            }
            Self::AtLeast { count, of } => {
                let met = of.iter().filter(|part| part.matches(payload));
                met.take(*count).count() == *count
            }
        }
    }

    /// The fields that the filter names, in order of appearance, without repeats.
    pub fn fields(&self) -> Vec<&str> {
        let mut fields = Vec::new();
        self.collect_fields(&mut fields);
        fields
    }

    /// How many conditions and constants it has.
    pub fn terms(&self) -> usize {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::terms).sum(),
            Self::AtLeast { of, .. } => 1 + of.iter().map(Self::terms).sum::<usize>(),
            Self::Not(part) => part.terms(),
            Self::Exists { .. } => 1,
            Self::In { values, .. } => 1 + values.len(),
            Self::Compare { .. } | Self::Within { .. } => 2,
        }
    }

    fn collect_fields<'a>(&'a self, fields: &mut Vec<&'a str>) {
        match self {
            Self::And(parts) | Self::Or(parts) | Self::AtLeast { of: parts, .. } => {
                parts.iter().for_each(|part| part.collect_fields(fields));
            }
            Self::Not(part) => part.collect_fields(fields),
            Self::Exists { field }
            | Self::In { field, .. }
            | Self::Compare { field, .. }
            | Self::Within { field, .. } => {
                if !fields.contains(&field.as_str()) {
                    fields.push(field);
                }
            }
        }
    }
}

/// The place of an asset's own `lat` and `lon`.
fn own_place(payload: &Payload) -> Option<GeoPoint> {
    GeoPoint::of_values(payload.field("lat")?, payload.field("lon")?)
}

fn compare(found: &Value, comparison: Comparison, literal: &Literal) -> bool {
    if let Value::Array(items) = found {
        return match comparison {
            Comparison::NotEqual => {
                let same_type = items.iter().any(|item| order(item, literal).is_some());
                same_type && !items.iter().any(|item| order(item, literal) == Some(Ordering::Equal))
            }
            Comparison::Equal
            | Comparison::Less
            | Comparison::LessOrEqual
            | Comparison::Greater
            | Comparison::GreaterOrEqual => {
                comparison == Comparison::Equal
                    && items.iter().any(|item| order(item, literal) == Some(Ordering::Equal))
            }
        };
    }
    let Some(order) = order(found, literal) else { return false };
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}

/// How a value stands to a constant; `None` for unlike types.
fn order(found: &Value, literal: &Literal) -> Option<Ordering> {
    match (found, literal) {
        (Value::Number(number), Literal::Number(constant)) => number::compare_numbers(number, constant),
        (Value::Bool(value), Literal::Bool(constant)) => Some(value.cmp(constant)),
        (Value::String(text), Literal::Text(constant)) => Some(order_texts(text, constant)),
        (
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_),
            Literal::Text(_) | Literal::Number(_) | Literal::Bool(_),
        ) => None,
    }
}

/// The order of a text to a constant: in time where the text is a time or a date and the constant names a time, else
/// by composed characters.
fn order_texts(text: &str, constant: &str) -> Ordering {
    let in_time = || {
        let start = Period::of_field(text)?.start_ns();
        Some(Period::of_constant(constant)?.order_of(start))
    };
    in_time().unwrap_or_else(|| text::compare_text(text, constant))
}
