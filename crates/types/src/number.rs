//! Numbers of payloads and filters: integers are exact to 64 bits, and nothing is rounded to be compared.
//!
//! A number that neither 64 bits nor an f64 can hold stays text as it was written: a code of 30 digits that came back
//! as `1.2e29` would be another code.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Number;

/// How a text is written, if it is a number of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Integer,
    Float,
}

/// The number that a text is, written as in JSON. `None` for any other text, for an integer beyond 64 bits and for a
/// number beyond the range of an f64.
pub fn read_number(text: &str) -> Option<Number> {
    match shape(text)? {
        Shape::Integer if text == "-0" => Number::from_f64(-0.0),
        Shape::Integer => {
            text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from)).ok()
        }
        Shape::Float => {
            let number: f64 = text.parse().ok()?;
            let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
            let vanished = number == 0.0 && mantissa.bytes().any(|digit| matches!(digit, b'1'..=b'9'));
            if vanished { None } else { Number::from_f64(number) }
        }
    }
}

/// Whether a text is written as a number of JSON that nothing here can hold.
pub(crate) fn is_beyond(text: &str) -> bool {
    shape(text).is_some() && read_number(text).is_none()
}

/// JSON with every number that nothing can hold turned into the string of its digits.
pub(crate) fn quote_beyond(json: &str) -> Cow<'_, str> {
    let mut quoted = String::new();
    let (mut rest, mut in_string) = (json, false);
    while let Some(first) = rest.bytes().next() {
        let length = match (in_string, first) {
            (true, b'\\') => rest.char_indices().nth(2).map_or(rest.len(), |(at, _)| at),
            (false, b'-' | b'0'..=b'9') => rest.find(|c| !is_of_number(c)).unwrap_or(rest.len()),
            (_, b'"') => 1,
            (true, _) => rest.find(['"', '\\']).unwrap_or(rest.len()),
            (false, _) => {
                rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()).unwrap_or(rest.len())
            }
        };
        let (token, after) = rest.split_at(length.max(1));
        if !in_string && is_beyond(token) {
            quoted.extend(["\"", token, "\""]);
        } else {
            quoted.push_str(token);
        }
        in_string ^= first == b'"';
        rest = after;
    }
    if quoted.len() == json.len() { Cow::Borrowed(json) } else { Cow::Owned(quoted) }
}

const fn is_of_number(letter: char) -> bool {
    matches!(letter, '0'..='9' | '+' | '-' | '.' | 'e' | 'E')
}

fn shape(text: &str) -> Option<Shape> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, mut rest) = unsigned.split_at(digits(unsigned));
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    let mut shape = Shape::Integer;
    if let Some(fraction) = rest.strip_prefix('.') {
        shape = Shape::Float;
        rest = fraction.get(digits(fraction)..).filter(|rest| rest.len() < fraction.len())?;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        shape = Shape::Float;
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        rest = exponent.get(digits(exponent)..).filter(|rest| rest.len() < exponent.len())?;
    }
    rest.is_empty().then_some(shape)
}

/// The order of two numbers, without rounding either; `None` beside a number that is no number.
pub fn compare_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        (Some(left), None) => compare_mixed(left, right.as_f64()?),
        (None, Some(right)) => Some(compare_mixed(right, left.as_f64()?)?.reverse()),
        (None, None) => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

#[expect(clippy::cast_possible_truncation, reason = "a whole f64 below 2^65 is an i128 exactly")]
fn compare_mixed(integer: i128, float: f64) -> Option<Ordering> {
    /// 2^65, which no integer of 64 bits reaches on either side.
    const BEYOND: f64 = 36_893_488_147_419_103_232.0;
    if float.abs() >= BEYOND || float.is_nan() {
        return 0.0.partial_cmp(&float);
    }
    let order = integer.cmp(&(float.trunc() as i128));
    if order.is_ne() { Some(order) } else { 0.0.partial_cmp(&float.fract()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_64_bits_are_exact_and_longer_ones_are_none() {
        for text in ["0", "-1", "9007199254740993", "-9223372036854775808", "18446744073709551615"] {
            assert_eq!(read_number(text).map(|number| number.to_string()).as_deref(), Some(text));
        }
        for text in [
            "18446744073709551616",
            "-9223372036854775809",
            "12345678901234567890123",
            "1e400",
            "-1e400",
            "1e-400",
        ] {
            assert_eq!(read_number(text), None, "{text}");
            assert!(is_beyond(text), "{text}");
        }
        for text in [
            "", "-", "007", "+5", "1_000", "NaN", "Infinity", "1.", ".5", "1e", "1e+", "0x10", " 1", "1 ",
            "1.2.3", "١",
        ] {
            assert_eq!(read_number(text), None, "{text}");
            assert!(!is_beyond(text), "{text}");
        }
        for text in ["1.0", "1e3", "-0", "0.5E-3", "0e999"] {
            assert!(read_number(text).is_some_and(|number| number.is_f64()), "{text}");
        }
    }

    #[test]
    fn numbers_are_compared_without_rounding() {
        let order = |left: &str, right: &str| {
            compare_numbers(&read_number(left).expect(left), &read_number(right).expect(right))
                .expect("an order")
        };
        for (left, right, expected) in [
            ("9007199254740993", "9007199254740992.0", Ordering::Greater),
            ("9007199254740992", "9007199254740992.0", Ordering::Equal),
            ("18446744073709551615", "18446744073709551615.0", Ordering::Less),
            ("18446744073709551615", "1e300", Ordering::Less),
            ("-9223372036854775808", "-9223372036854775808.0", Ordering::Equal),
            ("-9223372036854775808", "18446744073709551615", Ordering::Less),
            ("-1", "-1e300", Ordering::Greater),
            ("2021", "2020.5", Ordering::Greater),
            ("-2021", "-2020.5", Ordering::Less),
            ("0", "-0", Ordering::Equal),
        ] {
            assert_eq!(order(left, right), expected, "{left} beside {right}");
            assert_eq!(order(right, left), expected.reverse(), "{right} beside {left}");
        }
    }

    #[test]
    fn only_numbers_that_nothing_holds_become_strings() {
        let json = r#"{"a": [12345678901234567890123, -1], "12345678901234567890123": 1e400, "q\"1e400": "1e400\\"}"#;
        let expected = r#"{"a": ["12345678901234567890123", -1], "12345678901234567890123": "1e400", "q\"1e400": "1e400\\"}"#;
        assert_eq!(quote_beyond(json), expected);
        for json in [r#"{"a": 1, "é": "ü\\\"", "b": [-2.5e3, true]}"#, "\"\\", "", "{\"a", "1-2", "é"] {
            assert_eq!(quote_beyond(json), json);
        }
    }
}
