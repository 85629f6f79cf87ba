//! [`Engine`]: one collection of a data folder, with the encoders and decoders that serve it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use sensorium_media::PoolConfig;
use sensorium_store::{Access, Database, EmptyStore, OpenFolder, Storage, Store};
use sensorium_types::{Alias, AliasChange, CollectionSummary, ContentHash, MediaPolicy, SpaceInfo};

use crate::blocking::blocking;
use crate::seams::{Decode, Encode, Encoders, Workers, encoder_spec};
use crate::stages::Stages;
use crate::writing::{Writer, Writing};
use crate::{DEFAULT_COLLECTION, EngineConfig, EngineError, FindBundle, copies, server_file};

/// Field of an asset's facts that names the copies of its parts, where it has more than one.
pub(crate) const PARTS_FIELD: &str = "_parts";
/// Assets read at a time while copies are swept.
const SWEEP_PAGE: usize = 1000;

/// What an engine is made of, for tests and for stores other than the embedded one.
#[derive(Debug, Clone)]
pub struct EngineParts {
    /// The data folder: media copies lie below it, and it is not walked.
    pub data_dir: PathBuf,
    /// Name of the collection.
    pub collection: String,
    /// Where assets are kept.
    pub store: Arc<dyn Store>,
    /// Parts to vectors.
    pub encode: Arc<dyn Encode>,
    /// Bytes to parts.
    pub decode: Arc<dyn Decode>,
    /// How many files are decoded at a time.
    pub jobs: usize,
    /// Whether the engine may write.
    pub access: Access,
}

/// The two spaces of a collection that the bundle at hand cannot encode for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpaceMismatch {
    /// The space of the collection's vectors.
    pub stored: SpaceInfo,
    /// The space of the bundle.
    pub bundle: SpaceInfo,
}

/// What turns terms into vectors of the collection's space.
#[derive(Debug, Clone)]
pub(crate) struct Asking {
    pub(crate) encode: Arc<dyn Encode>,
    pub(crate) decode: Arc<dyn Decode>,
}

/// Where the bundles of other collections are, and how they would decode.
#[derive(Debug, Clone)]
struct Elders {
    find: Arc<dyn FindBundle>,
    pool: PoolConfig,
}

/// The encoders of a collection's space, where the bundle at hand has another and they are here.
fn elder(elders: Option<&Elders>, stored: &SpaceInfo, bundle: &SpaceInfo) -> Option<Asking> {
    let Elders { find, pool } = elders.filter(|_| stored != bundle)?;
    let bundle = find.find(&stored.revision).filter(|bundle| bundle.space() == *stored)?;
    let pool = PoolConfig { spec: encoder_spec(bundle.cutting()), ..pool.clone() };
    Some(Asking { encode: Arc::new(Encoders::new(bundle)), decode: Arc::new(Workers::new(pool)) })
}

/// One collection, open. Every call may run beside every other; runs of `index` follow one another.
#[derive(Debug)]
pub struct Engine {
    pub(crate) data_dir: PathBuf,
    pub(crate) collection: String,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) encode: Arc<dyn Encode>,
    pub(crate) decode: Arc<dyn Decode>,
    /// Those of the bundle that made the collection, where that is another.
    elder: Option<Asking>,
    elders: Option<Elders>,
    pub(crate) jobs: usize,
    pub(crate) access: Access,
    /// How long the stages of ingest take, in all collections.
    pub(crate) stages: Arc<Stages>,
    /// One run of `index` at a time.
    pub(crate) indexing: tokio::sync::Mutex<()>,
    /// Who may write.
    pub(crate) writing: Writing,
    /// The data folder's collections; `None` over a store that was made elsewhere.
    database: Option<Arc<dyn Database>>,
}

impl Engine {
    /// Opens a collection of a data folder. Encoders and decoding workers start at their first use.
    ///
    /// With [`Access::Write`] the folder and the collection are made where they are missing, and media copies that no
    /// asset names are swept. With [`Access::Read`] a missing folder, and a missing default collection, are empty.
    ///
    /// # Errors
    /// If another process writes the folder, if its format is newer, or if a reader names an unknown collection.
    pub async fn open(config: EngineConfig) -> Result<Arc<Self>, EngineError> {
        let EngineConfig {
            data_dir,
            storage,
            collection,
            bundle,
            elders,
            worker_program,
            jobs,
            limits,
            access,
        } = config;
        let jobs = jobs.max(1);
        let pool = PoolConfig { worker_program, workers: jobs, limits, spec: encoder_spec(bundle.cutting()) };
        let elders = elders.map(|find| Elders { find, pool: pool.clone() });
        let encode: Arc<dyn Encode> = Arc::new(Encoders::new(bundle));
        let decode: Arc<dyn Decode> = Arc::new(Workers::new(pool));
        let folder = OpenFolder { path: &data_dir, access, hubs: encode.hubs() };
        let database = storage.open(folder).await?;
        let store = hold(database.as_ref(), &collection, &encode.space(), access).await?;
        if access == Access::Write {
            server_file::clear(&data_dir);
            if copies::has_any(&data_dir) {
                sweep_copies(database.as_ref(), &data_dir).await?;
            }
        }
        let elder = elder(elders.as_ref(), &store.space(), &encode.space());
        Ok(Arc::new(Self {
            data_dir,
            collection,
            store,
            encode,
            decode,
            elder,
            elders,
            jobs,
            access,
            stages: Arc::default(),
            indexing: tokio::sync::Mutex::default(),
            writing: Writing::default(),
            database: Some(database),
        }))
    }

    /// An engine over parts made elsewhere.
    pub fn from_parts(parts: EngineParts) -> Arc<Self> {
        let EngineParts { data_dir, collection, store, encode, decode, jobs, access } = parts;
        Arc::new(Self {
            data_dir,
            collection,
            store,
            encode,
            decode,
            elder: None,
            elders: None,
            jobs: jobs.max(1),
            access,
            stages: Arc::default(),
            indexing: tokio::sync::Mutex::default(),
            writing: Writing::default(),
            database: None,
        })
    }

    /// Another collection of the same data folder. It shares encoders, decoders and the open database, and is made if
    /// this engine may write.
    ///
    /// # Errors
    /// [`EngineError::UnknownCollection`] for a reader, [`EngineError::NotSupported`] over another store.
    pub async fn collection(&self, name: &str) -> Result<Arc<Self>, EngineError> {
        let database = Arc::clone(self.database("hold several collections")?);
        let store = hold(database.as_ref(), name, &self.encode.space(), self.access).await?;
        let elder = elder(self.elders.as_ref(), &store.space(), &self.encode.space());
        Ok(self.of_store((name, store), self.at_hand(), (elder, self.access)))
    }

    /// An engine over another collection of the same database.
    fn of_store(
        &self,
        (name, store): (&str, Arc<dyn Store>),
        Asking { encode, decode }: Asking,
        (elder, access): (Option<Asking>, Access),
    ) -> Arc<Self> {
        Arc::new(Self {
            data_dir: self.data_dir.clone(),
            collection: name.to_owned(),
            store,
            encode,
            decode,
            elder,
            elders: self.elders.clone(),
            jobs: self.jobs,
            access,
            stages: Arc::clone(&self.stages),
            indexing: tokio::sync::Mutex::default(),
            writing: Writing::default(),
            database: self.database.clone(),
        })
    }

    /// The encoders and decoders of the bundle at hand.
    pub(crate) fn at_hand(&self) -> Asking {
        Asking { encode: Arc::clone(&self.encode), decode: Arc::clone(&self.decode) }
    }

    /// The collection that this one took the place of and keeps, else the one that is to take its place; to be read. `None` where there
    /// is neither, or its bundle is not here.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn beside(&self) -> Result<Option<Arc<Self>>, EngineError> {
        let database = Arc::clone(self.database("look beside a collection")?);
        let kept = match database.kept(&self.collection).await? {
            Some(kept) => Some(kept),
            None => database.successor(&self.collection).await?,
        };
        let Some(store) = kept else { return Ok(None) };
        let asking = match store.space() == self.encode.space() {
            true => Some(self.at_hand()),
            false => elder(self.elders.as_ref(), &store.space(), &self.encode.space()),
        };
        let own = |asking| self.of_store((&self.collection, store), asking, (None, Access::Read));
        Ok(asking.map(own))
    }

    /// Every collection of the data folder, in order of name.
    ///
    /// # Errors
    /// If the registry of collections is damaged.
    pub async fn collections(&self) -> Result<Vec<CollectionSummary>, EngineError> {
        let mut listed = self.database("list collections")?.collections().await?;
        listed.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(listed)
    }

    /// Other names of the data folder's collections, in order; none over a store that was made elsewhere.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn aliases(&self) -> Result<Vec<Alias>, EngineError> {
        match &self.database {
            Some(database) => Ok(database.aliases().await?),
            None => Ok(Vec::new()),
        }
    }

    /// Changes aliases in order, all at one stroke or none.
    ///
    /// # Errors
    /// If a name is none or is that of a collection, what it is to stand for is no collection, one that is to go is not there, or
    /// the engine only reads.
    pub async fn change_aliases(&self, changes: Vec<AliasChange>) -> Result<(), EngineError> {
        self.check_writable()?;
        Ok(self.database("keep aliases")?.change_aliases(changes).await?)
    }

    /// Removes a collection with everything in it; `false` if there is none of this name.
    ///
    /// # Errors
    /// If anybody holds the collection, this engine included, or the engine only reads.
    pub async fn drop_collection(&self, name: &str) -> Result<bool, EngineError> {
        self.check_writable()?;
        Ok(self.database("drop collections")?.drop_collection(name).await?)
    }

    /// The store of the collection.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// The space of the collection's vectors.
    pub fn space(&self) -> SpaceInfo {
        self.store.space()
    }

    /// The space of the bundle at hand.
    pub fn bundle_space(&self) -> SpaceInfo {
        self.encode.space()
    }

    /// The name of the collection.
    pub fn collection_name(&self) -> &str {
        &self.collection
    }

    /// The data folder.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The spaces of collection and bundle, if they differ. Then get, scroll, filters and queries by vectors and stored
    /// assets go on; what needs the encoders is refused, unless the bundle that made the collection is here to ask.
    pub fn space_mismatch(&self) -> Option<SpaceMismatch> {
        let (stored, bundle) = (self.store.space(), self.encode.space());
        (stored != bundle).then_some(SpaceMismatch { stored, bundle })
    }

    /// Those who ask in the collection's space: the bundle at hand, else the one that made the collection.
    ///
    /// # Errors
    /// [`EngineError::SpaceMismatch`] where neither does.
    pub(crate) fn asking(&self) -> Result<Asking, EngineError> {
        match (&self.elder, self.check_space()) {
            (_, Ok(())) => Ok(self.at_hand()),
            (Some(elder), Err(_)) => Ok(elder.clone()),
            (None, Err(error)) => Err(error),
        }
    }

    pub(crate) fn check_writable(&self) -> Result<(), EngineError> {
        match self.access {
            Access::Write => Ok(()),
            Access::Read => Err(EngineError::ReadOnly),
        }
    }

    /// Begins to write to the collection.
    ///
    /// # Errors
    /// If the engine only reads, or the collection is made anew, or was.
    pub(crate) fn begin_write(&self) -> Result<Writer, EngineError> {
        self.check_writable()?;
        self.writing.begin().ok_or_else(|| EngineError::MadeAnew { collection: self.collection.clone() })
    }

    /// That the bundle encodes into the collection's space.
    pub(crate) fn check_space(&self) -> Result<(), EngineError> {
        match self.space_mismatch() {
            None => Ok(()),
            Some(SpaceMismatch { stored, bundle }) => Err(EngineError::SpaceMismatch {
                collection: self.collection.clone(),
                stored: stored.revision,
                bundle: bundle.revision,
            }),
        }
    }

    /// The collections of the data folder.
    pub(crate) fn database(&self, action: &'static str) -> Result<&Arc<dyn Database>, EngineError> {
        self.database.as_ref().ok_or(EngineError::NotSupported { action })
    }
}

/// Opens a collection, or makes it for a writer. One that is missing and stands for an empty one is empty.
async fn hold(
    database: &dyn Database,
    name: &str,
    space: &SpaceInfo,
    access: Access,
) -> Result<Arc<dyn Store>, EngineError> {
    if access == Access::Write {
        return Ok(database.create_or_open(name, space).await?);
    }
    if let Some(store) = database.open(name).await? {
        return Ok(store);
    }
    check_known(database, name).await?;
    Ok(Arc::new(EmptyStore::new(space.clone())))
}

/// The space of a collection of a data folder, by its name or another one; `None` where there is none, or the registry of
/// collections cannot be read, which whoever opens the collection is told.
pub async fn stored_space(storage: &dyn Storage, data_dir: &Path, name: &str) -> Option<SpaceInfo> {
    let folder = OpenFolder { path: data_dir, access: Access::Read, hubs: None };
    let database = storage.open(folder).await.ok()?;
    let aliases = database.aliases().await.ok()?;
    let own = aliases.into_iter().find(|known| known.alias == name).map(|known| known.collection);
    let name = own.as_deref().unwrap_or(name);
    database.collections().await.ok()?.into_iter().find(|info| info.name == name).map(|info| info.space)
}

/// That a reader may ask for a collection of this name: it is there, or stands for an empty one.
pub(crate) async fn check_known(database: &dyn Database, name: &str) -> Result<(), EngineError> {
    let known = database.collections().await?;
    if known.is_empty() || name == DEFAULT_COLLECTION || known.iter().any(|info| info.name == name) {
        return Ok(());
    }
    if database.aliases().await?.iter().any(|known| known.alias == name) {
        return Ok(());
    }
    let known = known.into_iter().map(|info| info.name).collect::<Vec<_>>().join(", ");
    Err(EngineError::UnknownCollection { name: name.to_owned(), known })
}

/// Takes away the copies that no asset of any collection names.
async fn sweep_copies(database: &dyn Database, data_dir: &Path) -> Result<(), EngineError> {
    let swept = async {
        let mut named = HashSet::new();
        for info in database.collections().await? {
            if let Some(store) = database.open(&info.name).await? {
                collect_copies(store.as_ref(), &mut named).await?;
            }
        }
        let data_dir = data_dir.to_path_buf();
        blocking("sweep media copies", move || copies::sweep(&data_dir, &named)).await
    };
    match swept.await {
        Ok(0) => Ok(()),
        Ok(swept) => {
            tracing::info!(swept, "media copies without an asset");
            Ok(())
        }
        // Copies are room on the disk, not a reason to keep the database shut.
        Err(error) => {
            tracing::warn!(%error, "media copies are not swept");
            Ok(())
        }
    }
}

async fn collect_copies(store: &dyn Store, named: &mut HashSet<ContentHash>) -> Result<(), EngineError> {
    let mut from = None;
    loop {
        let page = store.scroll(None, from.as_ref(), SWEEP_PAGE, false).await?;
        for asset in page.items.into_iter().filter(|asset| asset.record.media == MediaPolicy::Copy) {
            named.extend(asset.record.hash);
            if let Some(serde_json::Value::Array(parts)) = asset.record.facts.0.get(PARTS_FIELD) {
                let hashes = parts.iter().filter_map(|part| part.as_str());
                named.extend(hashes.filter_map(|hex| ContentHash::from_str(hex).ok()));
            }
        }
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(()),
        }
    }
}
