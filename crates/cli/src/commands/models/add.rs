//! `models add`: a folder as the hub lays it out becomes a model of this data folder.

use sensorium_embed::KnownBand;
use sensorium_engine::{AddModel, AddedModel, FetchedModel};
use sensorium_hub::{Converted, LOCK_FILE, Lock, unpickled};
use sensorium_types::Calibration;
use serde_json::{Value, json};

use super::told;
use crate::args::high::Setting;
use crate::args::models;
use crate::failure::CliError;
use crate::output::words::size as bytes;
use crate::output::{Out, note};

/// Adds a folder.
pub(super) fn add(args: &models::AddModel, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let program = std::env::current_exe().map_err(|source| CliError::OwnProgram { source })?;
    let library = setting.models();
    library.free_place(&args.name)?;
    let begun = library.begun(&args.name)?;
    let lock = if args.allow_pickle { unpickled(&args.folder, &begun)? } else { None };
    let source = args.folder.display().to_string();
    let text = lock.as_ref().map(|lock| {
        tell_converted(lock);
        lock.text()
    });
    let added = library.add(&AddModel {
        folder: if text.is_some() { &begun } else { &args.folder },
        name: &args.name,
        licence: args.licence.as_deref(),
        unchecked: args.unchecked,
        int8: args.int8,
        non_commercial: args.non_commercial,
        worker_program: &program,
        fetched: text.as_ref().map(|lock| FetchedModel { source: &source, lock: (LOCK_FILE, lock) }),
    });
    if lock.is_some() {
        library.remove_begun(&args.name)?;
    }
    let (row, said) = of_added(&added?);
    told(out, &row, &said)
}

/// Says what became of pickled weights.
pub(super) fn tell_converted(lock: &Lock) {
    if let Some(Converted { name, from, .. }) = &lock.converted {
        note(&format!("{} was read without being run; {name} is kept in its place", from.join(", ")));
    }
}

/// What is told of a model that was added.
pub(super) fn of_added(added: &AddedModel) -> (Value, String) {
    let AddedModel { name, revision, family, dim, licence, bytes: size, folder, ranks, calibration, band } =
        added;
    if let Some(warning) = band_warning(added) {
        note(&warning);
    }
    if ranks.is_none_or(|ranks| !ranks.is_better_than_chance()) {
        note(&format!("{name}: captions do not find what they describe; it was taken unchecked"));
    }
    let pairs: Vec<Value> = calibration
        .iter()
        .map(|(query, content, Calibration { mean, deviation })| {
            json!({ "query": query, "content": content, "mean": mean, "deviation": deviation })
        })
        .collect();
    let row = json!({
        "name": name, "revision": revision, "family": family, "dim": dim, "licence": licence, "bytes": size,
        "place": folder, "hits": ranks.map(|ranks| ranks.hits), "asked": ranks.map(|ranks| ranks.of),
        "calibration": pairs,
        "band": band.map(|KnownBand { low, high, source }| json!({ "low": low, "high": high, "source": source })),
    });
    let found = ranks.map_or_else(String::new, |ranks| {
        format!("; captions and samples find each other {} of {} times", ranks.hits, ranks.of)
    });
    let said = format!(
        "{name}@{revision}: {family} of {dim} dimensions, {}, licence {licence}{found}{}",
        bytes(*size),
        random_pairs(added)
    );
    (row, said)
}

/// How the cosines of random pairs lie, beside what is published.
fn random_pairs(added: &AddedModel) -> String {
    let Some(mean) = added.random_mean() else { return String::new() };
    let published = match added.band {
        Some(KnownBand { low, high, .. }) => format!("{low} to {high} is published"),
        None => "no band is published for it".to_owned(),
    };
    format!("; random pairs have a mean cosine of {mean:.3} ({published})")
}

/// What is said where the cosines of random pairs are not where they are known to lie: the model may be another of the same sizes,
/// so that it is taken.
fn band_warning(added: &AddedModel) -> Option<String> {
    let (band, mean) = (added.band?, added.random_mean()?);
    let KnownBand { low, high, source } = band;
    (!band.holds(mean)).then(|| {
        format!(
            "{}: random pairs have a mean cosine of {mean:.3}, and {low} to {high} is published ({source}): its numbers may be wrong, or it is another \
             model; `sensorium eval --bundle {}` measures what it finds",
            added.name, added.name
        )
    })
}

#[cfg(test)]
mod tests {
    use sensorium_types::Content;

    use super::*;

    fn added(mean: f32, band: Option<KnownBand>) -> AddedModel {
        let across = Calibration { mean, deviation: 0.1 };
        AddedModel {
            name: "a".to_owned(),
            revision: "0".to_owned(),
            family: "CLIP",
            dim: 512,
            licence: "MIT".to_owned(),
            bytes: 1,
            folder: "/a".into(),
            ranks: None,
            calibration: vec![
                (Content::Image, Content::Text, Calibration { mean: 9.0, deviation: 1.0 }),
                (Content::Text, Content::Text, Calibration { mean: 9.0, deviation: 1.0 }),
                (Content::Text, Content::Image, across),
            ],
            band,
        }
    }

    #[test]
    fn random_pairs_outside_of_what_is_published_are_warned_of() {
        let band = KnownBand { low: 0.0, high: 0.4, source: "a paper" };
        assert_eq!(band_warning(&added(0.2, Some(band))), None);
        assert_eq!(band_warning(&added(-0.2, None)), None);
        for mean in [-0.1, 0.5, f32::NAN] {
            let warning = band_warning(&added(mean, Some(band))).expect("a warning");
            assert!(warning.contains("0 to 0.4 is published (a paper)"), "{warning}");
            assert!(warning.contains("eval --bundle a"), "{warning}");
        }
        let said = random_pairs(&added(0.2123, Some(band)));
        assert_eq!(said, "; random pairs have a mean cosine of 0.212 (0 to 0.4 is published)");
        assert!(random_pairs(&added(0.2, None)).contains("no band is published"));
    }
}
