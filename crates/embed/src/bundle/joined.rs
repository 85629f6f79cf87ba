//! Which members a bundle has, and what each of them takes.
//!
//! ```toml
//! format = 2
//! id = "photos+sounds"
//! [[members]]
//! folder = "siglip2-b16"          # the member's own bundle.toml lies in it; its name is that of the space
//! [[members]]
//! folder = "clap"
//! contents = ["audio", "text"]    # left out: all that it encodes and no member before it takes; texts are taken by all
//! ```

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use sensorium_types::{Content, Language, Modality};
use serde::Deserialize;

use super::space::{BundleFiles, FORMAT, LoadOptions, MANIFEST_FILE, OneSpace, fact};
use crate::weights::FileBytes;
use crate::{EmbedError, Input};

/// Most members of a bundle.
const MAX_MEMBERS: usize = 8;

/// A space of a bundle, and what it is asked for.
#[derive(Debug)]
pub(super) struct Member {
    /// Its name; that of its space.
    pub(super) name: String,
    pub(super) space: Arc<OneSpace>,
    contents: Vec<Content>,
}

impl Member {
    /// Whether a content is encoded by it.
    pub(super) fn takes(&self, content: Content) -> bool {
        self.contents.contains(&content)
    }

    /// What it takes, in the order of [`Content::ALL`].
    pub(super) fn contents(&self) -> &[Content] {
        &self.contents
    }

    /// An input as this member reads it: a text in a language that it has no encoder for goes to the one that reads the rest.
    pub(super) fn as_it_reads(&self, input: &Input) -> Input {
        match input {
            Input::TextIn(language, text) if !self.space.reads(*language) => {
                Input::TextIn(Language::English, text.clone())
            }
            Input::Text(_) | Input::TextIn(..) | Input::Frames(_) | Input::Audio(_) => input.clone(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Joined {
    #[serde(rename = "format")]
    _format: u32,
    id: String,
    members: Vec<MemberRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberRow {
    /// The folder of its files, and its name unless it has another.
    folder: String,
    name: Option<String>,
    contents: Option<Vec<Content>>,
}

/// The name of a bundle of members (`None` where it is one space), and its members.
pub(super) fn members(
    files: Arc<dyn BundleFiles>,
    options: LoadOptions,
) -> Result<(Option<String>, Vec<Member>), EmbedError> {
    let Some(Joined { id, members, .. }) = read(files.as_ref())? else {
        let space = OneSpace::load(Inside { files, folder: None }, options)?;
        let name = space.space().id;
        return Ok((None, vec![Member { name, space, contents: Content::ALL.to_vec() }]));
    };
    if !(1..=MAX_MEMBERS).contains(&members.len()) {
        return Err(fact(format!("{} members, a bundle has 1 to {MAX_MEMBERS}", members.len())));
    }
    let mut known: Vec<Member> = Vec::with_capacity(members.len());
    for MemberRow { folder, name, contents } in members {
        let name = name.unwrap_or_else(|| folder.clone());
        if name.is_empty() || known.iter().any(|other| other.name == name) {
            return Err(fact(format!("two members are called {name:?}, or one has no name")));
        }
        let space = OneSpace::load(Inside { files: Arc::clone(&files), folder: Some(folder) }, options)?;
        let contents = contents_of(&name, &space, contents, &known)?;
        known.push(Member { name, space, contents });
    }
    Ok((Some(id), known))
}

/// The manifest of a bundle of members; `None` of one space.
fn read(files: &dyn BundleFiles) -> Result<Option<Joined>, EmbedError> {
    #[derive(Deserialize)]
    struct Probe {
        format: u32,
        members: Option<toml::Value>,
    }
    let bytes = files.read(MANIFEST_FILE)?;
    let text = String::from_utf8_lossy(&bytes);
    // What is wrong with it is told by the reader of one space.
    let Ok(Probe { format, members: Some(_) }) = toml::from_str::<Probe>(&text) else { return Ok(None) };
    if !(2..=FORMAT).contains(&format) {
        return Err(EmbedError::Format { received: format, supported: FORMAT });
    }
    let joined = toml::from_str(&text);
    joined.map(Some).map_err(|error: toml::de::Error| fact(error.message().to_owned()))
}

/// What a member takes: what it is told to, or all that it encodes and nobody takes.
fn contents_of(
    name: &str,
    space: &OneSpace,
    told: Option<Vec<Content>>,
    known: &[Member],
) -> Result<Vec<Content>, EmbedError> {
    let encodes = |content: &Content| match content {
        Content::Image => space.encodes(Modality::Image),
        Content::Audio => space.encodes(Modality::Audio),
        Content::Text => space.encodes(Modality::Text),
    };
    // A text is asked in every space, an image lies in one.
    let is_free =
        |content: &Content| *content == Content::Text || !known.iter().any(|member| member.takes(*content));
    if let Some(told) = &told {
        if let Some(content) = told.iter().find(|content| !encodes(content)) {
            return Err(fact(format!("member {name} is to take {content}, and has no encoder for it")));
        }
        if let Some(content) = told.iter().find(|content| !is_free(content)) {
            return Err(fact(format!("member {name} is to take {content}, which a member before it takes")));
        }
    }
    let is_told = |content: &Content| told.as_ref().is_none_or(|told| told.contains(content));
    let own = Content::ALL.into_iter().filter(|content| encodes(content) && is_free(content));
    let own: Vec<Content> = own.filter(is_told).collect();
    if own.iter().all(|content| *content == Content::Text) {
        return Err(fact(format!("member {name} takes neither images nor audio that others leave to it")));
    }
    Ok(own)
}

/// The files of a folder among a bundle's, or all of them.
#[derive(Debug)]
struct Inside {
    files: Arc<dyn BundleFiles>,
    folder: Option<String>,
}

impl Inside {
    fn named<'a>(&self, name: &'a str) -> Cow<'a, str> {
        match &self.folder {
            Some(folder) => Cow::Owned(format!("{folder}/{name}")),
            None => Cow::Borrowed(name),
        }
    }
}

impl BundleFiles for Inside {
    fn read(&self, name: &str) -> Result<Cow<'_, [u8]>, EmbedError> {
        self.files.read(&self.named(name))
    }

    fn open(&self, name: &str) -> Result<FileBytes, EmbedError> {
        self.files.open(&self.named(name))
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.files.path(&self.named(name))
    }
}
