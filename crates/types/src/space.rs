//! Spaces of vectors.
//!
//! ```text
//! of one space                of several, for instance of images with texts and of sounds with texts
//!
//! image  ───┐                 image  ── the vector in `clip`
//! audio  ───┼─ mini           audio  ── the vector in `clap`
//! text   ───┘                 text   ── the vectors in both, one after the other, each divided by the root of 2
//! ```
//! So a point of any content is one vector of L2 norm 1, and a cosine of two texts is the mean of their cosines in all spaces.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::Content;

/// A part of a vector shorter than this says nothing in its space.
const SAYS_NOTHING: f32 = 1e-3;

/// What a collection's vectors are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpaceInfo {
    /// Name of the space, for instance `mini`; of several, their names with `+` between them.
    pub id: String,
    /// Dimension of its vectors; of several spaces, the sum of theirs.
    pub dim: usize,
    /// Bundle and revision that encode into it, for instance `sensorium-mini@1f2e3d`.
    pub revision: String,
    /// The spaces that it is made of; empty where it is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<SpacePart>,
}

/// One of several spaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpacePart {
    /// Its name.
    pub id: String,
    /// Dimension of its vectors.
    pub dim: usize,
    /// What has vectors in it.
    pub contents: Vec<Content>,
}

impl SpaceInfo {
    /// One space, in which everything lies.
    pub fn one(id: impl Into<String>, dim: usize, revision: impl Into<String>) -> Self {
        Self { id: id.into(), dim, revision: revision.into(), parts: Vec::new() }
    }

    /// Several spaces. One that is alone is one in which everything lies.
    pub fn of_parts(parts: Vec<SpacePart>, revision: impl Into<String>) -> Self {
        let names: Vec<&str> = parts.iter().map(|part| part.id.as_str()).collect();
        let (id, dim) = (names.join("+"), parts.iter().map(|part| part.dim).sum());
        let parts = if parts.len() > 1 { parts } else { Vec::new() };
        Self { id, dim, revision: revision.into(), parts }
    }

    /// How many spaces there are.
    pub const fn spaces(&self) -> usize {
        if self.parts.is_empty() { 1 } else { self.parts.len() }
    }

    /// Dimension of the vectors of a content; that of all spaces for one that lies in none.
    pub fn dim_of(&self, content: Content) -> usize {
        let dims = self.parts.iter().filter(|part| part.contents.contains(&content)).map(|part| part.dim);
        match dims.sum() {
            0 => self.dim,
            dim => dim,
        }
    }

    /// The spaces in which a content lies, each with its place in the vectors of that content.
    pub fn places(&self, content: Content) -> Vec<(usize, Range<usize>)> {
        if self.parts.is_empty() {
            return vec![(0, 0..self.dim)];
        }
        let mut begin = 0;
        let own = self.parts.iter().enumerate().filter(|(_, part)| part.contents.contains(&content));
        own.map(|(space, part)| {
            let place = begin..begin + part.dim;
            begin = place.end;
            (space, place)
        })
        .collect()
    }

    /// What a vector says in each space, as vectors of L2 norm 1: that of a point of a content, or (`None`) one of all spaces, one
    /// after the other. Spaces in which it says nothing are left out. Of one space, the vector as it is.
    pub fn split(&self, content: Option<Content>, vector: &[f32]) -> Vec<(usize, Vec<f32>)> {
        if self.parts.is_empty() {
            return vec![(0, vector.to_vec())];
        }
        let places = match content {
            Some(content) => self.places(content),
            None => self.all_places(),
        };
        let parts = places.into_iter().filter_map(|(space, place)| Some((space, unit(vector.get(place)?)?)));
        parts.collect()
    }

    /// What vectors in some spaces ask of points of a content: those of the spaces in which it lies, one after the other, with zeros
    /// for the others; `None` where none of them does. Of n vectors, its length is the root of n.
    pub fn join(&self, content: Content, vectors: &[(usize, Vec<f32>)]) -> Option<Vec<f32>> {
        if self.parts.is_empty() {
            return vectors.first().map(|(_, vector)| vector.clone());
        }
        let mut joined = vec![0.0; self.dim_of(content)];
        let mut says_nothing = true;
        for (space, place) in self.places(content) {
            let own = vectors.iter().find(|(other, _)| *other == space);
            if let (Some((_, vector)), Some(into)) = (own, joined.get_mut(place))
                && vector.len() == into.len()
            {
                into.copy_from_slice(vector);
                says_nothing = false;
            }
        }
        (!says_nothing).then_some(joined)
    }

    /// What a vector says in each space, as of [`SpaceInfo::split`], each with its space alone.
    pub fn each(&self, content: Option<Content>, vector: &[f32]) -> Vec<(Self, Vec<f32>)> {
        let alone = |space: usize| match self.parts.get(space) {
            Some(part) => Self::one(part.id.clone(), part.dim, self.revision.clone()),
            None => self.clone(),
        };
        self.split(content, vector).into_iter().map(|(space, vector)| (alone(space), vector)).collect()
    }

    /// A vector of all spaces, from one of the only space of its dimension; any other is given back as it is.
    pub fn of_one(&self, vector: Vec<f32>) -> Vec<f32> {
        let mut fits = (0..).zip(self.all_places()).filter(|(_, (_, place))| place.len() == vector.len());
        let (Some((_, (_, place))), None) = (fits.next(), fits.next()) else { return vector };
        let mut all = vec![0.0; self.dim];
        if let Some(into) = all.get_mut(place) {
            into.copy_from_slice(&vector);
        }
        all
    }

    fn all_places(&self) -> Vec<(usize, Range<usize>)> {
        let mut begin = 0;
        let place = |(space, part): (usize, &SpacePart)| {
            let place = begin..begin + part.dim;
            begin = place.end;
            (space, place)
        };
        self.parts.iter().enumerate().map(place).collect()
    }
}

/// At L2 norm 1; `None` if it says nothing.
fn unit(vector: &[f32]) -> Option<Vec<f32>> {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    (norm > SAYS_NOTHING).then(|| vector.iter().map(|x| x / norm).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> SpaceInfo {
        let part = |id: &str, dim, contents: [Content; 2]| SpacePart {
            id: id.to_owned(),
            dim,
            contents: contents.to_vec(),
        };
        let seen = part("seen", 3, [Content::Image, Content::Text]);
        let heard = part("heard", 2, [Content::Audio, Content::Text]);
        SpaceInfo::of_parts(vec![seen, heard], "two@1")
    }

    #[test]
    fn a_text_lies_in_both_spaces_and_a_medium_in_its_own() {
        let space = two();
        assert_eq!((space.id.as_str(), space.dim, space.spaces()), ("seen+heard", 5, 2));
        assert_eq!(Content::ALL.map(|content| space.dim_of(content)), [3, 2, 5]);
        assert_eq!(space.places(Content::Audio), [(1, 0..2)]);
        assert_eq!(space.places(Content::Text), [(0, 0..3), (1, 3..5)]);
    }

    #[test]
    fn a_text_says_something_in_both_spaces_and_an_image_nothing_of_sounds() {
        let half = 0.5_f32.sqrt();
        let text = [half, 0.0, 0.0, 0.0, -half];
        let said = two().split(Some(Content::Text), &text);
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        let [(0, seen), (1, heard)] = said.as_slice() else { panic!("{said:?}") };
        assert!(close(seen, &[1.0, 0.0, 0.0]) && close(heard, &[0.0, -1.0]), "{said:?}");
        let of_texts = two().join(Content::Text, &said).expect("asked");
        assert!(close(&of_texts, &[1.0, 0.0, 0.0, 0.0, -1.0]), "{of_texts:?}");
        let image = two().split(Some(Content::Image), &[0.0, 1.0, 0.0]);
        assert_eq!(image, [(0, vec![0.0, 1.0, 0.0])]);
        assert_eq!(two().join(Content::Audio, &image), None);
        assert_eq!(two().join(Content::Text, &image), Some(vec![0.0, 1.0, 0.0, 0.0, 0.0]));
        let given = two().split(None, &[0.0, 0.0, 0.0, 3.0, 0.0]);
        assert_eq!(given, [(1, vec![1.0, 0.0])]);
        let one = SpaceInfo::one("mini", 2, "mini@1");
        let kept = one.split(None, &[0.3, 0.3]);
        assert_eq!(one.join(Content::Audio, &kept), Some(vec![0.3, 0.3]), "as it is");
    }

    #[test]
    fn one_space_is_written_as_ever() {
        let one = SpaceInfo::one("mini", 4, "mini@1");
        let json = serde_json::to_value(&one).expect("JSON");
        assert_eq!(json, serde_json::json!({"id": "mini", "dim": 4, "revision": "mini@1"}));
        assert_eq!(serde_json::from_value::<SpaceInfo>(json).expect("reads"), one);
        for content in Content::ALL {
            assert_eq!((one.dim_of(content), one.places(content)), (4, vec![(0, 0..4)]));
        }
        let part = SpacePart { id: "mini".to_owned(), dim: 4, contents: Content::ALL.to_vec() };
        assert_eq!(SpaceInfo::of_parts(vec![part], "mini@1"), one);
    }
}
