//! What is looked through: a member for each row, also where rows name files of the same bytes, which a database keeps
//! as one asset.

use sensorium_types::AssetId;

use crate::eval::corpus::{Corpus, Item};
use crate::eval::scoring::{Vector, best};

/// A member of a gallery: the file of a row.
#[derive(Debug)]
pub(super) struct Member<'a> {
    /// Its captions, without blanks around them.
    pub(super) captions: Vec<&'a str>,
    /// What it is.
    pub(super) label: Option<&'a str>,
    /// What it is kept as; `None` of a file that failed.
    pub(super) asset: Option<&'a AssetId>,
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
        self.label == Some(label)
    }
}

/// The members that the chosen rows make, one each; files that fail stay as misses.
pub(super) fn gallery<'a>(corpus: &'a Corpus, chosen: impl Fn(&Item) -> bool) -> Vec<Member<'a>> {
    members(corpus.items.iter().filter(|item| chosen(item)), |asset| corpus.points(asset))
}

fn members<'a>(
    items: impl Iterator<Item = &'a Item>,
    points: impl Fn(&AssetId) -> &'a [Vector],
) -> Vec<Member<'a>> {
    items
        .map(|item| {
            let captions = item.row.captions.iter().map(|caption| caption.trim());
            Member {
                captions: captions.filter(|caption| !caption.is_empty()).collect(),
                label: item.row.label.as_deref(),
                asset: item.asset.as_ref(),
                points: item.asset.as_ref().map(&points).unwrap_or_default(),
            }
        })
        .collect()
}

/// The score of every member for a query, in order; `None` for files that failed.
pub(super) fn scores(corpus: &Corpus, query: &Vector, members: &[Member<'_>]) -> Vec<Option<f32>> {
    members.iter().map(|member| best(query, member.points, corpus.scale())).collect()
}

#[cfg(test)]
mod tests {
    use sensorium_types::{Content, HubValues, Modality};

    use super::*;
    use crate::eval::manifest::Row;

    fn item(file: &str, caption: &str, label: &str, asset: Option<&AssetId>) -> Item {
        let row = Row {
            file: file.into(),
            captions: vec![format!(" {caption} "), " ".to_owned()],
            label: Some(label.to_owned()),
            source: None,
            split: None,
            still: None,
        };
        Item { row, modality: Some(Modality::Image), asset: asset.cloned() }
    }

    #[test]
    fn rows_with_the_same_bytes_and_files_that_fail_are_members_of_their_own() {
        let asset = AssetId::new("the same bytes").expect("an id");
        let vectors = [Vector {
            content: Content::Image,
            numbers: vec![1.0],
            for_images: None,
            hubs: HubValues::default(),
        }];
        let items = [
            item("a.png", "a sheep", "sheep", Some(&asset)),
            item("b.png", "a lamb", "lamb", Some(&asset)),
            item("c.png", "a ram", "ram", None),
        ];
        let members = members(items.iter(), |asked| {
            assert_eq!(*asked, asset);
            &vectors
        });
        let captions: Vec<_> = members.iter().map(|member| member.captions.clone()).collect();
        assert_eq!(captions, [["a sheep"], ["a lamb"], ["a ram"]]);
        assert_eq!(members.iter().map(|member| member.points.len()).collect::<Vec<_>>(), [1, 1, 0]);
        assert!(members[0].bears("a sheep") && !members[0].bears("a lamb"));
        assert!(members[1].is("lamb") && !members[1].is("sheep"));
    }
}
