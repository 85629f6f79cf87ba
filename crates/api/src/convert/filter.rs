//! Filters, as a tree of messages or as text.

use prost::Message as _;
use sensorium_types::{
    Area, Circle, Comparison, Filter, GeoBox, GeoError, GeoPoint, LOCATION_FIELD, Literal, MAX_FILTER_BYTES,
    MAX_FILTER_TERMS,
};

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
            Filter::AtLeast { count, of } => {
                let min_count = u32::try_from(*count).unwrap_or(u32::MAX);
                let min_should = Some(v1::MinShould { conditions: all(of), min_count });
                Self { min_should, ..Self::default() }
            }
            Filter::Compare { .. } | Filter::In { .. } | Filter::Exists { .. } | Filter::Within { .. } => {
                Self { must: vec![filter.into()], ..Self::default() }
            }
        }
    }
}

impl From<&Filter> for v1::Condition {
    fn from(filter: &Filter) -> Self {
        leaf(match filter {
            Filter::And(_) | Filter::Or(_) | Filter::Not(_) | Filter::AtLeast { .. } => {
                Kind::Filter(Box::new(filter.into()))
            }
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
            Filter::Within { field, area } => within(field.clone(), *area),
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

fn within(field: String, area: Area) -> Kind {
    let place = |place: GeoPoint| Some(v1::GeoPoint { lat: place.lat(), lon: place.lon() });
    match area {
        Area::Circle(circle) => Kind::GeoRadius(v1::GeoRadius {
            field: Some(field),
            center: place(circle.center()),
            radius_m: circle.radius_m(),
        }),
        Area::Box(sides) => Kind::GeoBox(v1::GeoBox {
            field: Some(field),
            south_west: place(sides.south_west()),
            north_east: place(sides.north_east()),
        }),
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
        let v1::Filter { must, should, must_not, min_should } = message;
        let mut all = self.conditions(must, depth)?;
        let any = self.conditions(should, depth)?;
        if !any.is_empty() {
            all.push(single_or(any, Filter::Or));
        }
        let none = self.conditions(must_not, depth)?;
        all.extend(none.into_iter().map(|filter| Filter::Not(Box::new(filter))));
        if let Some(v1::MinShould { conditions, min_count }) = min_should {
            self.count(1)?;
            let of = self.conditions(conditions, depth)?;
            let count = usize::try_from(min_count).ok().filter(|count| (1..=of.len()).contains(count));
            let count = count.ok_or_else(|| ConvertError::Number {
                field: "filter.min_should.min_count",
                expected: "from 1 to the number of conditions",
                received: format!("{min_count} of {}", of.len()),
            })?;
            all.push(Filter::AtLeast { count, of });
        }
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
            Some(Kind::GeoRadius(v1::GeoRadius { field, center, radius_m })) => {
                self.count(1)?;
                let circle = Circle::new(place("filter.geo_radius.center", center)?, radius_m);
                let area = circle.map(Area::Circle).map_err(geo("filter.geo_radius.radius_m"))?;
                Ok(Filter::Within { field: located(field), area })
            }
            Some(Kind::GeoBox(v1::GeoBox { field, south_west, north_east })) => {
                self.count(1)?;
                let south_west = place("filter.geo_box.south_west", south_west)?;
                let north_east = place("filter.geo_box.north_east", north_east)?;
                let sides = GeoBox::new(south_west, north_east);
                let area = sides.map(Area::Box).map_err(geo("filter.geo_box"))?;
                Ok(Filter::Within { field: located(field), area })
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

fn geo(field: &'static str) -> impl Fn(GeoError) -> ConvertError {
    move |source| ConvertError::Geo { field, source }
}

fn place(field: &'static str, received: Option<v1::GeoPoint>) -> Result<GeoPoint, ConvertError> {
    let v1::GeoPoint { lat, lon } = received.ok_or(ConvertError::Missing { field })?;
    GeoPoint::new(lat, lon).map_err(geo(field))
}

/// The field of places; the asset's own where none is named.
fn located(field: Option<String>) -> String {
    field.unwrap_or_else(|| LOCATION_FIELD.to_owned())
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
            "location within 5.5 km of (48.85, -2.35) or not \"\" within (-20, 170) to (-10.5, -170)",
            "at least 2 of (a = 1, b within 0 m of (90, 180), not c exists)",
            "a = 1 and not at least 1 of (b = 1, at least 1 of (c = 2) or d = 3)",
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
    fn places_and_counts_are_checked_and_the_asset_s_own_place_is_meant_where_no_field_is_named() {
        let here = v1::GeoPoint { lat: 1.0, lon: 2.0 };
        let circle = |center, radius_m| Kind::GeoRadius(v1::GeoRadius { field: None, center, radius_m });
        let sides = |south_west, north_east| Kind::GeoBox(v1::GeoBox { field: None, south_west, north_east });
        let read =
            |kind: Kind| Filter::try_from(v1::Filter { must: vec![leaf(kind)], ..v1::Filter::default() });
        let own: Filter = "location within 5 m of (1, 2)".parse().expect("a filter");
        assert_eq!(read(circle(Some(here), 5.0)), Ok(own));
        let at = |lat, lon| Some(v1::GeoPoint { lat, lon });
        for (wrong, field, what) in [
            (circle(None, 5.0), "filter.geo_radius.center", "missing"),
            (circle(at(f64::NAN, 0.0), 5.0), "filter.geo_radius.center", "latitude"),
            (circle(Some(here), -5.0), "filter.geo_radius.radius_m", "received -5"),
            (circle(Some(here), f64::NAN), "filter.geo_radius.radius_m", "received NaN"),
            (sides(Some(here), None), "filter.geo_box.north_east", "missing"),
            (sides(at(0.0, 181.0), Some(here)), "filter.geo_box.south_west", "longitude"),
            (sides(at(5.0, 0.0), Some(here)), "filter.geo_box", "south-western"),
        ] {
            let error = read(wrong).expect_err(field);
            assert_eq!((error.field(), error.kind()), (Some(field), ErrorKind::InvalidArgument));
            assert!(error.to_string().contains(what), "{error}");
        }
        let of = |min_count, conditions| {
            let min_should = Some(v1::MinShould { conditions, min_count });
            Filter::try_from(v1::Filter { min_should, ..v1::Filter::default() })
        };
        let exists = || leaf(Kind::Exists("a".to_owned()));
        assert!(of(1, vec![exists()]).is_ok());
        for (min_count, conditions) in [(0, vec![exists()]), (2, vec![exists()]), (0, Vec::new())] {
            let error = of(min_count, conditions).expect_err("says nothing");
            assert_eq!(error.field(), Some("filter.min_should.min_count"));
        }
        assert!(matches!(of(1, (0..5000).map(|_| exists()).collect()), Err(ConvertError::TooMany { .. })));
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
