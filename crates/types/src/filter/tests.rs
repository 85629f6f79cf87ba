use super::*;
use crate::Payload;

fn payload() -> Payload {
    let json = serde_json::json!({
        "year": 2021, "camera": "X100", "tags": ["sea", "dog"], "lat": 48.1, "flag": true, "none": null,
        "gps": {"alt": 12.5}, "captured_at": "2021-07-03T10:00:00Z", "taken": "2021-07-03", "old": "1931-02-01T00:00:00Z",
        "far": "2300-01-01T00:00:00Z", "times": ["2020-01-01T12:00:00Z", "2022-05-05"],
        "id": 1_983_516_295_378_495_150_u64, "big": u64::MAX, "small": i64::MIN, "code": "007",
        "long": "12345678901234567890123", "huge": "1e400",
        "Date taken": 3, "rdfs:type": "x", "2020_sales": 7, "not": 1, "and": 2, "in": 4, "exists": 8, "": 7, "a\"b": 9,
        "a-b": 6, "gro\u{308}ße": "cafe\u{301}",
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
fn times_compare_as_times() {
    assert!(holds(r#"captured_at = "2021-07-03T12:00:00+02:00""#));
    assert!(holds(r#"captured_at = "2021-07-03 10:00:00z""#));
    assert!(!holds(r#"captured_at > "2021-07-03T10:00:01Z""#));
    assert!(holds(r#"old < "1970-01-01" and old >= "1931-02-01" and old < "1931-02-01T00:00:01Z""#));
    assert!(holds(r#"far > "2299-12-31" and far = "2300-01-01" and far < "9999-12-31""#));
}

#[test]
fn a_date_alone_is_that_utc_day() {
    for (filter, expected) in [
        (r#"captured_at = "2021-07-03""#, true),
        (r#"captured_at = "2021-07-02""#, false),
        (r#"captured_at != "2021-07-03""#, false),
        (r#"captured_at != "2021-07-04""#, true),
        (r#"captured_at < "2021-07-03""#, false),
        (r#"captured_at < "2021-07-04""#, true),
        (r#"captured_at <= "2021-07-03""#, true),
        (r#"captured_at <= "2021-07-02""#, false),
        (r#"captured_at > "2021-07-03""#, false),
        (r#"captured_at > "2021-07-02""#, true),
        (r#"captured_at >= "2021-07-03""#, true),
        (r#"captured_at >= "2021-07-04""#, false),
        (r#"captured_at in ["2020-01-01", "2021-07-03"]"#, true),
        (r#"captured_at in ["2020-01-01", "2021-07-04"]"#, false),
        (r#"captured_at = "2021-07" and captured_at = "2021" and captured_at <= "2021""#, true),
        (r#"captured_at > "2021-06" and captured_at < "2022""#, true),
        (r#"taken = "2021-07-03" and taken = "2021-07" and taken <= "2021-07-03T00:00:00Z""#, true),
        (r#"taken < "2021-07-03T00:00:01Z" and taken > "2021-07-02""#, true),
        (r#"times = "2020-01-01" and times = "2022-05-05" and times != "2020-01-02""#, true),
        (r#"times = "2020-01-02" or times != "2020-01-01""#, false),
        // A text that is no time stays text.
        (r#"code < "2021-07-03""#, true),
        (r#"code = "2021-07-03""#, false),
    ] {
        assert_eq!(holds(filter), expected, "{filter}");
    }
}

#[test]
fn integers_are_exact_to_64_bits_and_longer_ones_are_text() {
    for (filter, expected) in [
        ("id = 1983516295378495150", true),
        ("id = 1983516295378495151", false),
        ("id < 1983516295378495151 and id > 1983516295378495149", true),
        ("id = 1983516295378495150.0", false),
        ("id in [1983516295378495151, 1983516295378495149]", false),
        ("big = 18446744073709551615 and big > 18446744073709551614", true),
        ("big = 18446744073709551616.0", false),
        ("small = -9223372036854775808 and small < -9223372036854775807", true),
        ("year = 2021.0 and year = +2021 and year < 1e300", true),
        ("long = 12345678901234567890123", true),
        (r#"long = "12345678901234567890123" and long in [12345678901234567890123]"#, true),
        ("long != 12345678901234567890124", true),
        ("long = 12345678901234567890124", false),
        ("huge = 1e400", true),
        (r#"code = "007""#, true),
        ("year = 12345678901234567890123", false),
    ] {
        assert_eq!(holds(filter), expected, "{filter}");
    }
}

#[test]
fn every_name_can_be_quoted() {
    for filter in [
        r#""Date taken" = 3"#,
        r#""rdfs:type" exists and "rdfs:type" = "x""#,
        r#""2020_sales" > 5"#,
        r#""not" = 1 and not "not" = 2"#,
        r#""and" = 2 and and = 2"#,
        r#""in" in [4] and in in [4]"#,
        r#""exists" exists and exists exists"#,
        r#""" = 7"#,
        r#""a\"b" = 9"#,
        "a-b = 6",
        r#""gps.alt" = 12.5"#,
        r#""\u0067ps.alt" = 12.5"#,
    ] {
        assert!(holds(filter), "{filter}");
    }
}

#[test]
fn names_and_texts_meet_however_their_accents_are_composed() {
    for filter in ["größe = \"café\"", "gro\u{308}ße = \"cafe\u{301}\"", "\"größe\" in [\"tea\", \"café\"]"]
    {
        assert!(holds(filter), "{filter}");
    }
    assert!(!holds("größe != \"café\""));
    assert!(!holds("größe = \"cafe\""));
}

#[test]
fn places_are_within_circles_and_boxes() {
    // Munich; the payload's own `lon` is beside its `lat`, and `home` holds two places, one of them no place.
    let mut payload = payload();
    payload.set("lon", 11.6);
    payload.set(
        "home",
        serde_json::json!([{"lat": 0, "lon": 0}, {"lat": 91, "lon": 0}, {"lat": -17, "lon": 179.9}]),
    );
    payload.set("camp", serde_json::json!({"site": {"lat": 60.5, "lon": 25, "name": "x"}}));
    for (filter, expected) in [
        ("location within 10 km of (48.14, 11.58)", true),
        ("location within 10km of (48.14, 11.58)", true),
        ("location WITHIN 10 KM OF (48.14, 11.58)", true),
        ("location within 1e4m of (48.14, 11.58) and location within 10000 m of (48.14, 11.58)", true),
        ("location within 6.3 mi of (48.14, 11.58) and not location within 2mi of (48.14, 11.58)", true),
        ("location within 1 km of (48.14, 11.58)", false),
        ("location within (48, 11) to (49, 12)", true),
        ("location within (48, -170) to (49, 12)", true),
        ("location within (48, 12) to (49, 11.5)", false),
        ("home within 0 m of (0, 0)", true),
        ("home within 100 km of (-17, -179.9)", true),
        ("home within (-20, 179) to (-10, -179)", true),
        ("home within (80, -180) to (90, 180)", false),
        ("camp.site within 100 km of (60, 25)", true),
        ("camp within 100 km of (60, 25)", false),
        ("lat within 100 km of (48.1, 11.6)", false),
        ("absent within 30000 km of (0, 0)", false),
        ("not absent within 30000 km of (0, 0)", true),
    ] {
        let filter: Filter = filter.parse().unwrap_or_else(|error| panic!("{filter}: {error}"));
        assert_eq!(filter.matches(&payload), expected, "{filter:?}");
    }
}

#[test]
fn a_location_is_the_field_of_that_name_before_the_assets_own_place() {
    let near: Filter = "location within 1 km of (10, 20)".parse().expect("a filter");
    let own = |location: serde_json::Value| {
        let mut payload = Payload::new();
        payload.set("lat", 10);
        payload.set("lon", 20);
        payload.set("location", location);
        near.matches(&payload)
    };
    assert!(own(serde_json::Value::Null) && own("Paris".into()) && own(serde_json::json!([])));
    assert!(!own(serde_json::json!({"lat": 0, "lon": 0})));
    assert!(own(serde_json::json!([{"lat": 0, "lon": 0}, {"lat": 10.001, "lon": 20}])));
}

#[test]
fn at_least_so_many_of_some_conditions_hold() {
    for (filter, expected) in [
        ("at least 1 of (year = 2021)", true),
        ("at least 2 of (year = 2021, camera = \"X100\", flag = false)", true),
        ("at least 3 of (year = 2021, camera = \"X100\", flag = false)", false),
        ("at least 2 of (year = 1 or flag = true, not lat exists, lat > 40 and lat < 50)", true),
        ("AT LEAST 1 OF (at least 2 of (year = 1, flag = true, lat = 0), absent exists)", false),
        ("not at least 2 of (year = 1, flag = true) and year = 2021", true),
    ] {
        assert_eq!(holds(filter), expected, "{filter}");
    }
    let mut payload = Payload::new();
    payload.set("at", 3);
    payload.set("least", 4);
    for filter in ["at = 3 and least = 4", "at exists", "least in [4]", "at least 2 of (at = 3, least = 4)"] {
        assert!(filter.parse::<Filter>().is_ok_and(|filter| filter.matches(&payload)), "{filter}");
    }
    let of = |count| Filter::AtLeast { count, of: vec![Filter::And(Vec::new()), Filter::Or(Vec::new())] };
    let met: Vec<bool> = (0..4).map(|count| of(count).matches(&payload)).collect();
    assert_eq!(met, [true, true, false, false]);
}

#[test]
fn errors_of_places_and_counts_say_what_is_right() {
    for (filter, expected) in [
        (
            "a within 5 km of (91, 0)",
            "a latitude is a number of degrees from -90 to 90, received 91 (at character 18)",
        ),
        ("a within 5 km of (9, 181)", "a longitude is a number of degrees from -180 to 180, received 181"),
        (
            "a within -5 km of (9, 1)",
            "a distance is a number of metres from 0 on, received -5000 (at character 10)",
        ),
        ("a within 1e308 km of (9, 1)", "a distance is a number of metres from 0 on, received inf"),
        (
            "a within (9, 1) to (8, 2)",
            "from its south-western to its north-eastern corner: its latitudes were 9 and 8",
        ),
        ("a within 5 of (9, 1)", "expected a unit of length: m, km or mi at character 12, found \"of\""),
        ("a within 5 miles of (9, 1)", "expected a unit of length: m, km or mi"),
        ("a within 5ly of (9, 1)", "expected a distance (500 m, 5 km, 3 mi) or a place"),
        ("a within x", "expected a distance (500 m, 5 km, 3 mi) or a place (latitude, longitude)"),
        ("a within 5 km", "expected of at character 14, found the end"),
        ("a within 5 km of 9, 1", "expected a place, (latitude, longitude)"),
        ("a within 5 km of (9 1)", "expected a comma and a longitude"),
        ("a within (9, 1)", "expected to at character 16"),
        ("at least 0 of (a = 1)", "at least 0 of 1 at character 10: a number from 1 to 1 says something"),
        ("at least 3 of (a = 1, b = 2)", "a number from 1 to 2 says something"),
        ("at least 1.5 of (a = 1, b = 2)", "at least 1.5 of 2"),
        ("at least two of (a = 1)", "expected a number of conditions at character 10"),
        ("at least 1 of a = 1", "expected an opening parenthesis"),
        ("at least 1 of (a = 1", "expected and, or, a comma or a closing parenthesis"),
        ("at least 1 of ()", "expected a field name"),
        ("Date taken within 5 km of (9, 1)", "(quote the name: \"Date taken\")"),
    ] {
        let error = filter.parse::<Filter>().expect_err(filter).to_string();
        assert!(error.contains(expected), "{filter}: {error}");
    }
    let deep = format!("{}a = 1{}", "at least 1 of (".repeat(1000), ")".repeat(1000));
    assert!(matches!(deep.parse::<Filter>(), Err(FilterError::TooMuch { .. })));
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
    assert_eq!(error("a = 1x"), "filter: \"1x\" at character 5 is not a number: a text stands in quotes");
    assert!(error("a = 007").contains("\"007\" at character 5 is not a number"));
    assert!(error("a < 12345678901234567890123").contains("beyond 64 bits"));
    assert!(error("é = ü").contains("character 5"), "places are in characters");
    assert!(error("a = 1 b = 2").contains("and, or, or the end"));
    assert!(error("").contains("a field name"));
    assert!(error(&"(".repeat(10_000)).contains("levels of nesting"));
    assert!(error(&"not ".repeat(10_000)).contains("levels of nesting"));
    assert!("a = \"\\u0041\\n\"".parse::<Filter>().is_ok());
}

#[test]
fn errors_show_how_a_name_is_quoted() {
    for (filter, name) in [
        ("Date taken = 3", "Date taken"),
        ("year = 1 and Date taken exists", "Date taken"),
        ("rdfs:type = \"x\"", "rdfs:type"),
        ("2020_sales > 5", "2020_sales"),
        ("2020sales in [5]", "2020sales"),
        ("not = 1", "not"),
        ("#tag != 1", "#tag"),
    ] {
        let error = filter.parse::<Filter>().expect_err(filter).to_string();
        assert!(error.ends_with(&format!("(quote the name: {name:?})")), "{error}");
    }
    for filter in ["a 5", "(a = 1", "a = ", "\"a\"", "a = b"] {
        let error = filter.parse::<Filter>().expect_err(filter).to_string();
        assert!(!error.contains("quote the name"), "{error}");
    }
}

#[test]
fn long_texts_are_refused_before_they_are_read() {
    let long = format!("a = \"{}\"", "x".repeat(MAX_FILTER_BYTES));
    let bytes = long.len();
    assert_eq!(long.parse::<Filter>(), Err(FilterError::TooLong { bytes, limit: MAX_FILTER_BYTES }));
    let longest = format!("a = \"{}\"", "x".repeat(MAX_FILTER_BYTES - 6));
    assert!(longest.parse::<Filter>().is_ok());
    let many = format!("a in [{}1]", "1,".repeat(MAX_FILTER_TERMS));
    assert!(matches!(many.parse::<Filter>(), Err(FilterError::TooMuch { .. })));
}

#[test]
fn terms_are_counted_as_the_parser_counts_them() {
    for (filter, terms) in [
        ("a exists", 1),
        ("a = 1 and not (b = 2 or c in [1, 2])", 7),
        ("at least 1 of (a within 5 m of (1, 1), b exists)", 4),
    ] {
        assert_eq!(filter.parse::<Filter>().map(|filter| filter.terms()), Ok(terms), "{filter}");
    }
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
