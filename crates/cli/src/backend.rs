//! The calls that a data folder and a server both answer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sensorium_client::{Client, Embedded, Options};
use sensorium_engine::{Access, Engine, asking_vector};
use sensorium_types::{
    Asset, AssetId, Cancel, Cursor, DeleteOutcome, DeleteSelector, ErrorKind, FailedFile, FieldIndex, Filter,
    Language, Page, PointKey, QueryReply, QueryRequest, SpaceInfo, StatsReply, Term, TermInput, Track,
};

use crate::args::high::{Place, Setting};
use crate::failure::CliError;
use crate::npy;
use crate::query::{self, Input};

/// Assets of one page of a scroll.
const PAGE: usize = 256;

/// Who answers.
#[derive(Debug)]
pub(crate) enum Backend {
    /// The data folder.
    Folder(Arc<Engine>),
    /// A server.
    Server(Box<Client>),
}

impl Backend {
    /// Opens the data folder or connects to the server.
    ///
    /// # Errors
    /// If neither can be reached.
    pub(crate) async fn open(setting: &Setting, access: Access, jobs: Option<u16>) -> anyhow::Result<Self> {
        match setting.place() {
            Place::Folder => Ok(Self::Folder(setting.open(access, jobs).await?)),
            Place::Server { url, .. } => Ok(Self::Server(Box::new(connect(setting, &url).await?))),
        }
    }

    /// Terms as they are typed, as they are asked: texts in `language`, or else in what each seems to be in.
    ///
    /// # Errors
    /// If a file of this machine that is named cannot be read.
    pub(crate) fn terms(
        &self,
        typed: Vec<query::Term>,
        language: Option<Language>,
    ) -> anyhow::Result<Vec<Term>> {
        let input = |input| {
            anyhow::Ok(match (input, language) {
                (Input::Text(text), Some(language)) => TermInput::TextIn(language, text),
                (Input::Text(text), None) => TermInput::Text(text),
                (Input::File(path), _) => TermInput::File(self.file(path)?),
                (Input::Asset(asset), _) => TermInput::Asset(asset),
                (Input::Point(asset, track, ordinal), _) => TermInput::Point(asset, track, ordinal),
                (Input::Vector(path), _) => TermInput::Vector(npy::read(&path)?),
            })
        };
        let term = |query::Term { weight, input: typed }| anyhow::Ok(Term { weight, input: input(typed)? });
        typed.into_iter().map(term).collect()
    }

    /// A file that is asked by. The client says by itself why it cannot send one.
    fn file(&self, path: PathBuf) -> Result<PathBuf, CliError> {
        match self {
            Self::Folder(_) => absolute(&path),
            Self::Server(_) => Ok(path),
        }
    }

    /// Answers a query.
    ///
    /// # Errors
    /// If a term cannot be read, or the search fails.
    pub(crate) async fn search(&self, request: QueryRequest) -> anyhow::Result<QueryReply> {
        Ok(match self {
            Self::Folder(engine) => Box::pin(engine.query(request, Cancel::new())).await?,
            Self::Server(client) => Box::pin(client.query(request)).await?,
        })
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
            Self::Server(client) => client.get(ids, vectors).await?,
        })
    }

    /// A page of the assets that meet the filter, from a cursor on.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) async fn page(
        &self,
        filter: &Filter,
        from: Option<&Cursor>,
        vectors: bool,
    ) -> anyhow::Result<Page<Asset>> {
        Ok(match self {
            Self::Folder(engine) => {
                let page = engine.scroll(Some(filter), from, PAGE, vectors).await?;
                Page { items: page.items.into_iter().map(Asset::from).collect(), next: page.next }
            }
            Self::Server(client) => client.scroll(Some(filter), from, u32::try_from(PAGE)?, vectors).await?,
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

    /// Files that were not indexed, or those that were with a warning.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) async fn failures(&self, warnings: bool) -> anyhow::Result<Vec<FailedFile>> {
        Ok(match (self, warnings) {
            (Self::Folder(engine), false) => engine.failures().await?,
            (Self::Folder(engine), true) => engine.warnings().await?,
            (Self::Server(client), false) => client.failures().await?,
            (Self::Server(client), true) => client.warnings().await?,
        })
    }

    /// Deletes assets.
    ///
    /// # Errors
    /// If they cannot be deleted.
    pub(crate) async fn delete(&self, selector: DeleteSelector) -> anyhow::Result<DeleteOutcome> {
        Ok(match self {
            Self::Folder(engine) => engine.delete(selector).await?,
            Self::Server(client) => client.delete(selector).await?,
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

    /// The vectors by which a term asks, each with its space.
    ///
    /// # Errors
    /// If the term cannot be read or encoded.
    pub(crate) async fn embed(&self, typed: Input) -> anyhow::Result<Vec<(SpaceInfo, Vec<f32>)>> {
        let client = match self {
            Self::Folder(engine) => {
                let input = match typed {
                    Input::Text(text) => TermInput::Text(text),
                    Input::File(path) => TermInput::File(absolute(&path)?),
                    Input::Asset(asset) => TermInput::Asset(asset),
                    Input::Point(asset, track, ordinal) => TermInput::Point(asset, track, ordinal),
                    Input::Vector(_) => return Err(CliError::VectorTerm.into()),
                };
                return Ok(engine.term_vectors(input).await?);
            }
            Self::Server(client) => client,
        };
        match typed {
            Input::Text(text) => encoded(client, TermInput::Text(text)).await,
            Input::File(path) => encoded(client, TermInput::File(path)).await,
            Input::Asset(asset) => stored(client, asset, None).await,
            Input::Point(asset, track, ordinal) => stored(client, asset, Some((track, ordinal))).await,
            Input::Vector(_) => Err(CliError::VectorTerm.into()),
        }
    }

    /// Counts and sizes.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) async fn stats(&self) -> anyhow::Result<StatsReply> {
        Ok(match self {
            Self::Folder(engine) => engine.stats().await?,
            Self::Server(client) => client.stats().await?,
        })
    }
}

/// What a server encodes, as the vectors by which it would ask.
async fn encoded(client: &Client, input: TermInput) -> anyhow::Result<Vec<(SpaceInfo, Vec<f32>)>> {
    let Embedded { modality, points, space } = client.embed(input).await?;
    let asking = asking_vector(modality, &points, None);
    let (content, vector) = asking.ok_or_else(|| CliError::NoVector { term: "it".to_owned() })?;
    Ok(space.each(Some(content), &vector))
}

/// A stored asset, or a point of it, as the vectors by which it asks.
async fn stored(
    client: &Client,
    id: AssetId,
    place: Option<(Option<Track>, u32)>,
) -> anyhow::Result<Vec<(SpaceInfo, Vec<f32>)>> {
    let found = client.get(std::slice::from_ref(&id), true).await?.into_iter().next().flatten();
    let Some(asset) = found else { return Err(CliError::NoAsset { id }.into()) };
    let points: Vec<_> = asset.points.into_iter().zip(asset.vectors).collect();
    let asking = asking_vector(asset.modality, &points, place);
    let (content, vector) = asking.ok_or_else(|| CliError::NoVector { term: format!("asset:{id}") })?;
    Ok(client.stats().await?.space.each(Some(content), &vector))
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
    // One that was found in the data folder, on this machine, may not be encrypted.
    let is_clear = setting.server.is_none() && url.starts_with("http://");
    let ca = if is_clear { None } else { setting.certificates()? };
    let options = Options { collection, key: setting.key()?, ca, ..Options::default() };
    Ok(Client::connect_with(url, options).await?)
}

/// The absolute path of a file that is there. What is wrong with one is told in the system's own words, before anything
/// is started.
///
/// # Errors
/// [`CliError::Path`]
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    let wrong = |source| CliError::Path { path: path.to_path_buf(), source };
    std::fs::metadata(path).map_err(wrong)?;
    std::path::absolute(path).map_err(wrong)
}
