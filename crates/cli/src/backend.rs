//! The calls that a data folder and a server both answer.

use std::sync::Arc;

use sensorium_client::{self as client, Client};
use sensorium_engine::{self as engine, Access, Engine};
use sensorium_types::{AssetId, Cursor, ErrorKind, FieldIndex, Filter, Language, PointKey};

use crate::args::high::{Place, Setting};
use crate::failure::CliError;
use crate::model::{Asset, Deleted, Stats, hit_of};
use crate::npy;
use crate::output::explain::Explain;
use crate::query::{Input, Term};

/// Assets of one page of a scroll.
const PAGE: usize = 256;

/// Who answers.
#[derive(Debug)]
pub(crate) enum Backend {
    /// The data folder.
    Folder(Arc<Engine>),
    /// A server.
    Server(Client),
}

/// What a search asks, beside its terms.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    /// Only these.
    pub(crate) modalities: Vec<sensorium_types::Modality>,
    /// Only assets that meet this.
    pub(crate) filter: Option<Filter>,
    /// Most rows.
    pub(crate) limit: u32,
    /// Every match up to the limit.
    pub(crate) all: bool,
    /// Drop lower scores.
    pub(crate) min_score: Option<f32>,
    /// A row for each moment.
    pub(crate) moments: bool,
    /// Late fusion.
    pub(crate) late: bool,
    /// So many of the best are read once more; 0 for none.
    pub(crate) rerank: u32,
    /// Leave the hub correction out.
    pub(crate) raw: bool,
    /// Tell how the answer came about.
    pub(crate) explain: bool,
    /// The language of all texts; `None`: what each seems to be in.
    pub(crate) language: Option<Language>,
}

/// What a search gives.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The rows.
    pub(crate) hits: Vec<engine::Hit>,
    /// Whether even the best is no better than chance reaches.
    pub(crate) weak: bool,
    /// How it came about.
    pub(crate) explain: Option<Explain>,
}

/// Assets by name, or by what they are.
#[derive(Debug, Clone)]
pub(crate) enum Selector {
    /// These.
    Ids(Vec<AssetId>),
    /// All that meet this.
    Filter(Filter),
}

impl Backend {
    /// Opens the data folder or connects to the server.
    ///
    /// # Errors
    /// If neither can be reached.
    pub(crate) async fn open(setting: &Setting, access: Access, jobs: Option<u16>) -> anyhow::Result<Self> {
        match setting.place() {
            Place::Folder => Ok(Self::Folder(setting.open(access, jobs).await?)),
            Place::Server { url, .. } => Ok(Self::Server(connect(setting, &url).await?)),
        }
    }

    /// Answers a query.
    ///
    /// # Errors
    /// If a term cannot be read, or the search fails.
    pub(crate) async fn search(&self, terms: Vec<Term>, ask: Ask) -> anyhow::Result<Answer> {
        match self {
            Self::Folder(engine) => {
                let Ask {
                    modalities,
                    filter,
                    limit,
                    all,
                    min_score,
                    moments,
                    late,
                    rerank,
                    raw,
                    explain,
                    language,
                } = ask;
                let terms = terms
                    .into_iter()
                    .map(|term| local_term(term, language))
                    .collect::<anyhow::Result<_>>()?;
                let limit = usize::try_from(limit)?;
                let request = engine::QueryRequest {
                    terms,
                    modalities,
                    filter,
                    limit,
                    all,
                    exact: false,
                    min_score,
                    every_moment: moments,
                    late,
                    rerank: usize::try_from(rerank)?,
                    raw,
                    explain,
                    cancel: engine::Cancel::new(),
                };
                let engine::QueryReply { hits, weak, explain } = Box::pin(engine.query(request)).await?;
                Ok(Answer { hits, weak, explain: explain.map(Explain::from) })
            }
            Self::Server(client) => {
                let Ask {
                    modalities,
                    filter,
                    limit,
                    all,
                    min_score,
                    moments,
                    late,
                    rerank,
                    raw,
                    explain,
                    language,
                } = ask;
                let terms = terms
                    .into_iter()
                    .map(|term| remote_term(term, language))
                    .collect::<anyhow::Result<_>>()?;
                let request = client::QueryRequest {
                    terms,
                    modalities,
                    filter,
                    limit: Some(limit),
                    all,
                    exact: false,
                    min_score,
                    every_moment: moments,
                    late,
                    rerank,
                    raw,
                    explain,
                };
                let client::QueryReply { hits, weak, explain } = Box::pin(client.query(request)).await?;
                let hits = hits.into_iter().map(hit_of).collect();
                Ok(Answer { hits, weak, explain: explain.map(Explain::from) })
            }
        }
    }

    /// Live assets that meet the filter.
    ///
    /// # Errors
    /// If they cannot be counted.
    pub(crate) async fn count(&self, filter: Option<&Filter>) -> anyhow::Result<u64> {
        match self {
            Self::Folder(engine) => Ok(engine.count(filter).await?),
            Self::Server(client) => Ok(client.count(filter).await?),
        }
    }

    /// Assets by id, `None` for unknown ones.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) async fn get(&self, ids: &[AssetId], vectors: bool) -> anyhow::Result<Vec<Option<Asset>>> {
        Ok(match self {
            Self::Folder(engine) => {
                engine.get(ids, vectors).await?.into_iter().map(|found| found.map(Asset::from)).collect()
            }
            Self::Server(client) => {
                client.get(ids, vectors).await?.into_iter().map(|found| found.map(Asset::from)).collect()
            }
        })
    }

    /// A page of the assets that meet the filter from a cursor on, and where the next begins.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) async fn page(
        &self,
        filter: &Filter,
        from: Option<&Cursor>,
        vectors: bool,
    ) -> anyhow::Result<(Vec<Asset>, Option<Cursor>)> {
        Ok(match self {
            Self::Folder(engine) => {
                let page = engine.scroll(Some(filter), from, PAGE, vectors).await?;
                (page.items.into_iter().map(Asset::from).collect(), page.next)
            }
            Self::Server(client) => {
                let page = client.scroll(Some(filter), from, u32::try_from(PAGE)?, vectors).await?;
                (page.items.into_iter().map(Asset::from).collect(), page.next)
            }
        })
    }

    /// The thumbnail of a point, a JPEG. A point that is gone meanwhile has none.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) async fn thumb(&self, point: &PointKey) -> anyhow::Result<Option<Vec<u8>>> {
        match self {
            Self::Folder(engine) => Ok(engine.thumb(point).await?),
            Self::Server(client) => match client.thumbnail(point).await {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                found => Ok(found?),
            },
        }
    }

    /// Deletes assets.
    ///
    /// # Errors
    /// If they cannot be deleted.
    pub(crate) async fn delete(&self, selector: Selector) -> anyhow::Result<Deleted> {
        Ok(match self {
            Self::Folder(engine) => {
                let selector = match selector {
                    Selector::Ids(ids) => engine::DeleteSelector::Ids(ids),
                    Selector::Filter(filter) => engine::DeleteSelector::Filter(filter),
                };
                let engine::DeleteOutcome { deleted, missing } = engine.delete(selector).await?;
                Deleted { deleted, missing }
            }
            Self::Server(client) => {
                let selector = match selector {
                    Selector::Ids(ids) => client::DeleteSelector::Ids(ids),
                    Selector::Filter(filter) => client::DeleteSelector::Filter(filter),
                };
                let client::DeleteOutcome { deleted, missing } = client.delete(&selector).await?;
                Deleted { deleted, missing }
            }
        })
    }

    /// Says whether the collection keeps captions.
    ///
    /// # Errors
    /// If there is no caption decoder, or it cannot be written.
    pub(crate) async fn keep_captions(&self, wanted: bool) -> anyhow::Result<()> {
        match self {
            Self::Folder(engine) => Ok(engine.keep_captions(wanted).await?),
            Self::Server(client) => Ok(client.keep_captions(wanted).await?),
        }
    }

    /// Indexes a field, or drops its index; `false` if it was so already.
    ///
    /// # Errors
    /// If it cannot be indexed, or written.
    pub(crate) async fn index_field(&self, field: &str, wanted: bool) -> anyhow::Result<bool> {
        Ok(match (self, wanted) {
            (Self::Folder(engine), _) => engine.index_field(field, wanted).await?,
            (Self::Server(client), true) => client.index_field(field).await?,
            (Self::Server(client), false) => client.drop_field_index(field).await?,
        })
    }

    /// Fields with an index, in order of name.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) async fn field_indexes(&self) -> anyhow::Result<Vec<FieldIndex>> {
        Ok(match self {
            Self::Folder(engine) => engine.field_indexes().await?,
            Self::Server(client) => client.field_indexes().await?,
        })
    }

    /// Counts and sizes.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) async fn stats(&self) -> anyhow::Result<Stats> {
        Ok(match self {
            Self::Folder(engine) => {
                let engine::EngineStats { collection, space, counts, captions } = engine.stats().await?;
                Stats { collection, space, counts, captions }
            }
            Self::Server(client) => {
                let client::Stats { collection, space, counts, captions } = client.stats().await?;
                let captions = captions.map(|(made, missing)| engine::CaptionCounts { made, missing });
                Stats { collection, space, counts, captions }
            }
        })
    }
}

/// Connects to a server, for the collection that is meant.
///
/// # Errors
/// If no server answers.
pub(crate) async fn connect(setting: &Setting, url: &str) -> anyhow::Result<Client> {
    // A server may have been started for another collection than `default`: with none named, its own is meant only
    // if it was asked for by URL.
    let collection = match (&setting.server, setting.collection_named) {
        (Some(_), false) => String::new(),
        (Some(_) | None, _) => setting.collection.clone(),
    };
    let options = client::Options { collection, ..client::Options::default() };
    Ok(Client::connect_with(url, options).await?)
}

fn local_term(term: Term, language: Option<Language>) -> anyhow::Result<engine::Term> {
    let Term { weight, input } = term;
    let input = match input {
        Input::Text(text) => match language {
            Some(language) => engine::TermInput::TextIn(language, text),
            None => engine::TermInput::Text(text),
        },
        Input::File(path) => {
            // Says why in the system's own words, before anything is started.
            let shown = |source| CliError::Path { path: path.clone(), source };
            std::fs::metadata(&path).map_err(shown)?;
            engine::TermInput::File(std::path::absolute(&path).map_err(shown)?)
        }
        Input::Asset(asset) => engine::TermInput::Asset(asset),
        Input::Point(asset, track, ordinal) => engine::TermInput::Point(asset, track, ordinal),
        Input::Vector(path) => engine::TermInput::Vector(npy::read(&path)?),
    };
    Ok(engine::Term { weight, input })
}

fn remote_term(term: Term, language: Option<Language>) -> anyhow::Result<client::Term> {
    let Term { weight, input } = term;
    let input = match input {
        Input::Text(text) => match language {
            Some(language) => client::TermInput::TextIn(language, text),
            None => client::TermInput::Text(text),
        },
        Input::File(path) => client::TermInput::Bytes(fs_err::read(path)?),
        Input::Asset(asset) => client::TermInput::Asset(asset),
        Input::Point(asset, track, ordinal) => client::TermInput::Point(asset, track, ordinal),
        Input::Vector(path) => client::TermInput::Vector(npy::read(&path)?),
    };
    Ok(client::Term { weight, input })
}
