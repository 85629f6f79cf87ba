//! Filters, as a tree of messages or as text.

use prost::Message as _;
use sensorium_types::{Comparison, Filter, Literal, MAX_FILTER_BYTES, MAX_FILTER_TERMS};

use super::value::{Whole, finite};
use crate::v1::condition::Condition as Kind;
use crate::v1::literal::Literal as Constant;
use crate::{ConvertError, v1};

/// Deepest nesting of a filter tree.
pub const MAX_FILTER_DEPTH: usize = 64;
/// Most conditions and constants in a filter tree, those of its expressions included.
pub const MAX_FILTER_CONDITIONS: usize = MAX_FILTER_TERMS;

/// The filter of a request that takes a tree and text; both hold where both are given.
///
/// # Errors
/// [`ConvertError`] where either breaks a rule.
pub fn filter(tree: Option<v1::Filter>, text: &str) -> Result<Option<Filter>, ConvertError> {
    let tree = tree.map(Filter::try_from).transpose()?;
    let text = if text.trim().is_empty() { None } else { Some(filter_of_text(text)?) };
    Ok(match (tree, text) {
        (Some(tree), Some(text)) => Some(Filter::And(vec![tree, text])),
        (tree, text) => tree.or(text),
    })
}

/// A filter in the words of its grammar.
///
/// # Errors
/// [`ConvertError`] where it is too long or breaks the grammar.
pub fn filter_of_text(text: &str) -> Result<Filter, ConvertError> {
    check_length("filter_text", text.len())?;
    Ok(text.parse()?)
}

fn check_length(field: &'static str, received: usize) -> Result<(), ConvertError> {
    let limit = MAX_FILTER_BYTES;
    if received > limit { Err(ConvertError::TooLong { field, limit, received }) } else { Ok(()) }
}

impl TryFrom<v1::Filter> for Filter {
    type Error = ConvertError;

    fn try_from(message: v1::Filter) -> Result<Self, ConvertError> {
        check_length("filter", message.encoded_len())?;
        Reader { conditions: 0 }.filter(message, 0)
    }
}

impl From<&Filter> for v1::Filter {
    fn from(filter: &Filter) -> Self {
        let all = |filters: &[Filter]| filters.iter().map(v1::Condition::from).collect();
        match filter {
            Filter::And(filters) => Self { must: all(filters), ..Self::default() },
            // One of none never holds.
            Filter::Or(filters) if filters.is_empty() => {
                Self { must_not: vec![leaf(Kind::Filter(Box::default()))], ..Self::default() }
            }
            Filter::Or(filters) => Self { should: all(filters), ..Self::default() },
            Filter::Not(inner) => Self { must_not: vec![inner.as_ref().into()], ..Self::default() },
            Filter::Compare { .. } | Filter::In { .. } | Filter::Exists { .. } => {
                Self { must: vec![filter.into()], ..Self::default() }
            }
        }
    }
}

impl From<&Filter> for v1::Condition {
    fn from(filter: &Filter) -> Self {
        leaf(match filter {
            Filter::And(_) | Filter::Or(_) | Filter::Not(_) => Kind::Filter(Box::new(filter.into())),
            Filter::Compare { field, comparison, value } => Kind::Comparison(v1::Comparison {
                field: Some(field.clone()),
                operator: v1::ComparisonOperator::from(*comparison).into(),
                value: Some(value.into()),
            }),
            Filter::In { field, values } => Kind::InList(v1::InList {
                field: Some(field.clone()),
                values: values.iter().map(v1::Literal::from).collect(),
            }),
            Filter::Exists { field } => Kind::Exists(field.clone()),
        })
    }
}

impl From<Comparison> for v1::ComparisonOperator {
    fn from(comparison: Comparison) -> Self {
        match comparison {
            Comparison::Equal => Self::Equal,
            Comparison::NotEqual => Self::NotEqual,
            Comparison::Less => Self::Less,
            Comparison::LessOrEqual => Self::LessOrEqual,
            Comparison::Greater => Self::Greater,
            Comparison::GreaterOrEqual => Self::GreaterOrEqual,
        }
    }
}

impl From<&Literal> for v1::Literal {
    fn from(literal: &Literal) -> Self {
        let literal = match literal {
            Literal::Text(text) => Constant::Text(text.clone()),
            Literal::Number(number) => match Whole::of(number) {
                Whole::Signed(number) => Constant::Integer(number),
                Whole::Unsigned(number) => Constant::Unsigned(number),
                Whole::No(number) => Constant::Number(number),
            },
            Literal::Bool(value) => Constant::Boolean(*value),
        };
        Self { literal: Some(literal) }
    }
}

fn leaf(condition: Kind) -> v1::Condition {
    v1::Condition { condition: Some(condition) }
}

fn comparison(received: i32) -> Result<Comparison, ConvertError> {
    use v1::ComparisonOperator as Operator;
    match Operator::try_from(received) {
        Ok(Operator::Equal) => Ok(Comparison::Equal),
        Ok(Operator::NotEqual) => Ok(Comparison::NotEqual),
        Ok(Operator::Less) => Ok(Comparison::Less),
        Ok(Operator::LessOrEqual) => Ok(Comparison::LessOrEqual),
        Ok(Operator::Greater) => Ok(Comparison::Greater),
        Ok(Operator::GreaterOrEqual) => Ok(Comparison::GreaterOrEqual),
        Ok(Operator::Unspecified) | Err(_) => {
            Err(ConvertError::UnknownEnum { field: "filter.comparison.operator", received })
        }
    }
}

/// Reads a tree, counting what it meets.
struct Reader {
    conditions: usize,
}

impl Reader {
    fn filter(&mut self, message: v1::Filter, depth: usize) -> Result<Filter, ConvertError> {
        if depth > MAX_FILTER_DEPTH {
            return Err(ConvertError::TooMany {
                field: "levels of a filter",
                limit: MAX_FILTER_DEPTH,
                received: depth,
            });
        }
        let v1::Filter { must, should, must_not } = message;
        let mut all = self.conditions(must, depth)?;
        let any = self.conditions(should, depth)?;
        if !any.is_empty() {
            all.push(single_or(any, Filter::Or));
        }
        let none = self.conditions(must_not, depth)?;
        all.extend(none.into_iter().map(|filter| Filter::Not(Box::new(filter))));
        Ok(single_or(all, Filter::And))
    }

    fn conditions(
        &mut self,
        messages: Vec<v1::Condition>,
        depth: usize,
    ) -> Result<Vec<Filter>, ConvertError> {
        messages.into_iter().map(|message| self.condition(message, depth)).collect()
    }

    fn condition(&mut self, message: v1::Condition, depth: usize) -> Result<Filter, ConvertError> {
        self.count(1)?;
        match message.condition {
            None => Err(ConvertError::Missing { field: "filter.condition" }),
            Some(Kind::Comparison(v1::Comparison { field, operator, value })) => Ok(Filter::Compare {
                field: named(field)?,
                comparison: comparison(operator)?,
                value: self.literal(value)?,
            }),
            Some(Kind::InList(v1::InList { field, values })) => {
                let values =
                    values.into_iter().map(|value| self.literal(Some(value))).collect::<Result<_, _>>()?;
                Ok(Filter::In { field: named(field)?, values })
            }
            Some(Kind::Exists(field)) => Ok(Filter::Exists { field }),
            Some(Kind::Filter(inner)) => self.filter(*inner, depth + 1),
            Some(Kind::Expression(text)) => {
                let filter: Filter = text.parse()?;
                self.count(filter.terms())?;
                Ok(filter)
            }
        }
    }

    fn literal(&mut self, message: Option<v1::Literal>) -> Result<Literal, ConvertError> {
        self.count(1)?;
        match message.and_then(|message| message.literal) {
            None => Err(ConvertError::Missing { field: "filter.literal" }),
            Some(Constant::Text(text)) => Ok(Literal::Text(text)),
            Some(Constant::Number(number)) => Ok(Literal::Number(finite("filter.literal.number", number)?)),
            Some(Constant::Integer(number)) => Ok(Literal::Number(number.into())),
            Some(Constant::Unsigned(number)) => Ok(Literal::Number(number.into())),
            Some(Constant::Boolean(value)) => Ok(Literal::Bool(value)),
        }
    }

    fn count(&mut self, more: usize) -> Result<(), ConvertError> {
        self.conditions += more;
        if self.conditions > MAX_FILTER_CONDITIONS {
            return Err(ConvertError::TooMany {
                field: "conditions of a filter",
                limit: MAX_FILTER_CONDITIONS,
                received: self.conditions,
            });
        }
        Ok(())
    }
}

/// The name of a field; one that was sent may be empty, as a key of JSON may.
fn named(field: Option<String>) -> Result<String, ConvertError> {
    field.ok_or(ConvertError::Missing { field: "filter.field" })
}

fn single_or(mut filters: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    match filters.len() {
        1 => filters.pop().unwrap_or_else(|| join(Vec::new())),
        _ => join(filters),
    }
}

#[cfg(test)]
mod tests {
    use sensorium_types::ErrorKind;

    use super::*;

    fn back(text: &str) -> (Filter, Filter) {
        let before: Filter = text.parse().expect(text);
        let after = Filter::try_from(v1::Filter::from(&before)).expect(text);
        (before, after)
    }

    #[test]
    fn filters_come_back_equal() {
        for text in [
            r#"year >= 2020 and (camera = "X100" or not artist in ["A", "B"]) and lat exists"#,
            "a = 1",
            "not a != true",
            "a < 1 or b > 2.5 or c <= 3",
            "not not a exists",
            "a = 1983516295378495150 and b in [18446744073709551615, -9223372036854775808, 1.0]",
            "\"\" = 1 and \"\" exists and \"not\" in [1e300]",
        ] {
            let (before, after) = back(text);
            assert_eq!(before, after, "{text}");
        }
        let never = Filter::Or(Vec::new());
        let after = Filter::try_from(v1::Filter::from(&never)).expect("readable");
        assert!(!after.matches(&sensorium_types::Payload::new()));
    }

    #[test]
    fn a_tree_and_text_hold_both() {
        let tree = v1::Filter::from(&"a = 1".parse::<Filter>().expect("a filter"));
        let both = filter(Some(tree.clone()), "b = 2").expect("readable");
        assert_eq!(both, Some("a = 1 and b = 2".parse().expect("a filter")));
        assert_eq!(filter(None, " "), Ok(None));
        assert_eq!(filter(Some(tree), ""), Ok(Some("a = 1".parse().expect("a filter"))));
        assert!(filter(None, "a =").is_err());
    }

    #[test]
    fn a_long_filter_is_refused_before_it_is_read() {
        let text = |bytes: usize| format!("a = \"{}\"", "x".repeat(bytes - 6));
        assert!(filter(None, &text(MAX_FILTER_BYTES)).is_ok());
        let long = ConvertError::TooLong { field: "filter_text", limit: 65_536, received: 65_537 };
        assert_eq!(filter(None, &text(MAX_FILTER_BYTES + 1)), Err(long.clone()));
        assert_eq!(long.to_string(), "filter_text: at most 65536 bytes, received 65537");
        assert_eq!((long.kind(), long.field()), (ErrorKind::InvalidArgument, Some("filter_text")));
        // What cannot be read is not read either.
        assert!(matches!(filter(None, &"(".repeat(1 << 20)), Err(ConvertError::TooLong { .. })));

        let expression = |bytes: usize| v1::Filter {
            must: vec![leaf(Kind::Expression(text(bytes)))],
            ..v1::Filter::default()
        };
        assert!(filter(Some(expression(60_000)), "").is_ok());
        assert!(matches!(
            filter(Some(expression(MAX_FILTER_BYTES)), ""),
            Err(ConvertError::TooLong { field: "filter", .. })
        ));
    }

    #[test]
    fn too_much_is_refused() {
        let exists = || leaf(Kind::Exists("a".to_owned()));
        let wide = v1::Filter { must: (0..5000).map(|_| exists()).collect(), ..Default::default() };
        assert!(matches!(Filter::try_from(wide), Err(ConvertError::TooMany { .. })));
        let mut deep = v1::Filter { must: vec![exists()], ..Default::default() };
        for _ in 0..100 {
            deep = v1::Filter { must: vec![leaf(Kind::Filter(Box::new(deep)))], ..Default::default() };
        }
        assert!(matches!(Filter::try_from(deep), Err(ConvertError::TooMany { .. })));
        let texts = |text: &str| (0..3).map(|_| leaf(Kind::Expression(text.to_owned()))).collect();
        let long = format!("a in [{}1]", "1,".repeat(2000));
        let expressions = v1::Filter { must: texts(&long), ..Default::default() };
        assert!(matches!(Filter::try_from(expressions), Err(ConvertError::TooMany { .. })));
        let spaces = v1::Filter { must: texts(&" ".repeat(70_000)), ..Default::default() };
        assert!(matches!(Filter::try_from(spaces), Err(ConvertError::TooLong { field: "filter", .. })));
        let nameless =
            v1::Comparison { field: None, operator: 1, value: Some((&Literal::Bool(true)).into()) };
        let nameless = v1::Filter { must: vec![leaf(Kind::Comparison(nameless))], ..Default::default() };
        assert_eq!(Filter::try_from(nameless), Err(ConvertError::Missing { field: "filter.field" }));
        let infinite = v1::Literal { literal: Some(Constant::Number(f64::INFINITY)) };
        let infinite = v1::InList { field: Some("a".to_owned()), values: vec![infinite] };
        let infinite = v1::Filter { must: vec![leaf(Kind::InList(infinite))], ..Default::default() };
        assert!(matches!(Filter::try_from(infinite), Err(ConvertError::Number { .. })));
        let nothing = v1::Filter { must: vec![v1::Condition::default()], ..Default::default() };
        assert_eq!(Filter::try_from(nothing), Err(ConvertError::Missing { field: "filter.condition" }));
    }
}
