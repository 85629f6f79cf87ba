//! Seeds of random tests.

/// The variable that gives every random test its seed, in decimal.
pub const SEED_VARIABLE: &str = "SENSORIUM_TEST_SEED";

/// The seed of a random test: what [`SEED_VARIABLE`] says, else the test's own, so that a run is the same every time
/// unless somebody wants another. It is printed, so that a failure shows it and can be repeated.
///
/// # Panics
/// If the variable holds no number.
#[expect(clippy::print_stdout, reason = "the test harness shows it with a failure")]
pub fn seed(test: &str, own: u64) -> u64 {
    let given = std::env::var(SEED_VARIABLE).ok();
    let seed = chosen(given.as_deref(), own);
    println!("seed of {test}: {seed} ({SEED_VARIABLE}={seed} repeats it)");
    seed
}

fn chosen(given: Option<&str>, own: u64) -> u64 {
    let number =
        |text: &str| text.trim().parse().unwrap_or_else(|_| panic!("{SEED_VARIABLE} is no number: {text}"));
    given.map_or(own, number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_goes_before_the_tests_own() {
        assert_eq!(chosen(None, 7), 7);
        assert_eq!(chosen(Some("18446744073709551615"), 7), u64::MAX);
    }

    #[test]
    #[should_panic(expected = "is no number: x")]
    fn a_seed_that_is_no_number_is_not_passed_over() {
        chosen(Some("x"), 7);
    }
}
