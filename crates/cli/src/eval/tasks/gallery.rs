//! What is looked through: each asset once, with everything that rows say of it.

use std::collections::HashMap;

use sensorium_types::AssetId;

use crate::eval::corpus::{Corpus, Item};
use crate::eval::scoring::{Vector, best};

/// A member of a gallery: an asset, or a file that failed.
#[derive(Debug)]
pub(super) struct Member<'a> {
    /// Captions of its rows, without blanks around them.
    pub(super) captions: Vec<&'a str>,
    /// Labels of its rows.
    pub(super) labels: Vec<&'a str>,
    /// Its points; none of a file that failed.
    pub(super) points: &'a [Vector],
}

impl Member<'_> {
    /// Whether it bears this caption.
    pub(super) fn bears(&self, caption: &str) -> bool {
        self.captions.contains(&caption)
    }

    /// Whether it is of this label.
    pub(super) fn is(&self, label: &str) -> bool {
        self.labels.contains(&label)
    }
}

/// The members that the chosen rows make. Rows with the same bytes are one member; files that fail stay as misses.
pub(super) fn gallery<'a>(corpus: &'a Corpus, chosen: impl Fn(&Item) -> bool) -> Vec<Member<'a>> {
    let mut members: Vec<Member<'a>> = Vec::new();
    let mut places: HashMap<&AssetId, usize> = HashMap::new();
    for item in corpus.items.iter().filter(|item| chosen(item)) {
        let captions = item.row.captions.iter().map(|caption| caption.trim());
        let captions = captions.filter(|caption| !caption.is_empty());
        let known = item.asset.as_ref().and_then(|asset| places.get(asset)).copied();
        let member = match known.and_then(|place| members.get_mut(place)) {
            Some(member) => member,
            None => {
                if let Some(asset) = &item.asset {
                    places.insert(asset, members.len());
                }
                let points = item.asset.as_ref().map(|asset| corpus.points(asset)).unwrap_or_default();
                members.push(Member { captions: Vec::new(), labels: Vec::new(), points });
                match members.last_mut() {
                    Some(member) => member,
                    None => continue,
                }
            }
        };
        member.captions.extend(captions);
        member.labels.extend(item.row.label.as_deref());
    }
    members
}

/// The score of every member for a query, in order; `None` for files that failed.
pub(super) fn scores(corpus: &Corpus, query: &Vector, members: &[Member<'_>]) -> Vec<Option<f32>> {
    members.iter().map(|member| best(query, member.points, corpus.calibration())).collect()
}
