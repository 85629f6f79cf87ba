use super::*;
use crate::Payload;

fn payload() -> Payload {
    let json = serde_json::json!({
        "year": 2021, "camera": "X100", "tags": ["sea", "dog"], "lat": 48.1, "flag": true, "none": null,
        "gps": {"alt": 12.5}, "captured_at": "2021-07-03T10:00:00Z",
    });
    Payload(json.as_object().cloned().expect("object"))
}

fn holds(filter: &str) -> bool {
    filter.parse::<Filter>().unwrap_or_else(|error| panic!("{filter}: {error}")).matches(&payload())
}

#[test]
fn the_grammar_of_the_contract() {
    assert!(holds(r#"year >= 2020 and (camera = "X100" or not artist in ["A", "B"]) and lat exists"#));
    assert!(holds(r#"camera in ["X100", "M3"]"#));
    assert!(holds("flag = true and year != 2020 and year < 2022 and year <= 2021 and year > 2020.5"));
    assert!(holds("gps.alt = 12.5"));
    assert!(holds(r#"tags = "dog""#));
    assert!(!holds(r#"tags = "cat""#));
    assert!(holds(r#"tags != "cat""#));
    assert!(!holds(r#"tags != "dog""#));
}

#[test]
fn absent_fields_and_unlike_types_are_false_and_not_makes_them_true() {
    for filter in [
        r#"artist = "A""#,
        r#"artist != "A""#,
        r#"year = "2021""#,
        "camera > 3",
        "none exists",
        "absent exists",
    ] {
        assert!(!holds(filter), "{filter}");
        assert!(holds(&format!("not {filter}")), "{filter}");
    }
}

#[test]
fn dates_and_times_compare_as_times() {
    assert!(holds(r#"captured_at >= "2021-07-03""#));
    assert!(holds(r#"captured_at < "2021-07-04""#));
    assert!(holds(r#"captured_at = "2021-07-03T12:00:00+02:00""#));
    assert!(!holds(r#"captured_at > "2021-07-03T10:00:01Z""#));
}

#[test]
fn not_binds_closer_than_and_and_and_closer_than_or() {
    assert!(holds("year = 2021 or year = 1 and year = 2"));
    assert!(!holds("not year = 2021 and lat exists"));
    assert!(holds("NOT year = 1 AND lat EXISTS"));
}

#[test]
fn errors_say_where_and_what() {
    let error = |text: &str| text.parse::<Filter>().expect_err(text).to_string();
    assert_eq!(
        error("year >="),
        "filter: expected a quoted string, a number, true or false at character 8, found the end"
    );
    assert_eq!(error("(year = 1"), "filter: expected a closing parenthesis at character 10, found the end");
    assert_eq!(error(r#"a = "x"#), "filter: the string that begins at character 5 is not a JSON string");
    assert_eq!(error("a = 1x"), "filter: \"1x\" at character 5 is not a number");
    assert!(error("a = 1 b = 2").contains("and, or, or the end"));
    assert!(error("").contains("a field name"));
    assert!(error(&"(".repeat(100_000)).contains("levels of nesting"));
    assert!(error(&"not ".repeat(100_000)).contains("levels of nesting"));
    assert!("a = \"\\u0041\\n\"".parse::<Filter>().is_ok());
}

#[test]
fn no_text_panics() {
    let mut seed = 1_u64;
    let alphabet: Vec<char> = "ab .\"\\[](),<>=!-+19é\u{1F600}ntor".chars().collect();
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..12 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text.push(alphabet[(seed >> 33) as usize % alphabet.len()]);
        }
        let _ = text.parse::<Filter>();
    }
}
