//! What was typed, settled once: where the data lie, which collection is meant, who answers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use sensorium_client::{ApiKey, BadKey};
use sensorium_embed::{Bundle, FolderFiles, LoadOptions, StaticFiles};
use sensorium_engine::{
    Access, BUILT_IN, DEFAULT_COLLECTION, Engine, EngineConfig, FindBundle, Models, Served, ServerInfo,
    served, stored_space,
};
use sensorium_hub::{Hub, Index, PUBLIC_HUB, PUBLIC_INDEX, Token};
use sensorium_media::Limits;
use sensorium_store_embedded::Embedded;

use super::low::{Environment, Global};
use crate::failure::CliError;
use crate::output::{note, words};

/// Name of the data folder in the XDG data home.
const FOLDER_NAME: &str = "sensorium";
/// The XDG data home, below the home folder.
const DEFAULT_DATA_HOME: &str = ".local/share";

/// Values that hold for the whole command.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// The data folder, absolute.
    pub(crate) data_dir: PathBuf,
    /// The collection.
    pub(crate) collection: String,
    /// Whether the collection was named on the command line.
    pub(crate) collection_named: bool,
    /// The server named on the command line.
    pub(crate) server: Option<String>,
    /// The file with the key for it.
    pub(crate) api_key_file: Option<PathBuf>,
    /// The key of the environment.
    pub(crate) api_key: Option<Result<ApiKey, BadKey>>,
    /// The file with the certificates that its own is signed by.
    pub(crate) ca: Option<PathBuf>,
    /// The bundle that was named, by its name or folder.
    pub(crate) bundle: Option<PathBuf>,
    /// The user's home folder.
    pub(crate) home: Option<PathBuf>,
    /// The address of the hub of models.
    pub(crate) hub: Option<String>,
    /// The key for it.
    pub(crate) hub_token: Option<Token>,
    /// The index of packages that was named.
    pub(crate) package_index: Option<String>,
}

/// Who answers a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The data folder itself.
    Folder,
    /// A server at this URL.
    Server {
        /// Its address.
        url: String,
        /// Whether it was named on the command line, and not found by `server.json`.
        named: bool,
    },
}

impl Setting {
    /// Settles what was typed.
    ///
    /// # Errors
    /// If no data folder can be found.
    pub(crate) fn new(global: &Global, environment: &Environment) -> Result<Self, CliError> {
        let data_dir = data_dir(global, environment).ok_or(CliError::NoDataFolder)?;
        let data_dir = std::path::absolute(&data_dir)
            .map_err(|source| CliError::Path { path: data_dir.clone(), source })?;
        Ok(Self {
            data_dir,
            collection: global.collection.clone().unwrap_or_else(|| DEFAULT_COLLECTION.to_owned()),
            collection_named: global.collection.is_some(),
            server: global.server.clone(),
            api_key_file: global.api_key_file.clone(),
            api_key: environment.api_key.clone(),
            ca: global.ca.clone(),
            bundle: global.bundle.clone().or_else(|| environment.bundle.clone()),
            home: environment.home.clone(),
            hub: environment.hub.clone(),
            hub_token: environment.hub_token.clone(),
            package_index: environment.package_index.clone(),
        })
    }

    /// Who answers a command that a server can answer.
    pub(crate) fn place(&self) -> Place {
        if let Some(url) = &self.server {
            return Place::Server { url: url.clone(), named: true };
        }
        match self.server_here() {
            Some(info) => Place::Server { url: info.url(), named: false },
            None => Place::Folder,
        }
    }

    /// The server that holds the data folder. What a server left that is gone is told once, and counts for nothing.
    pub(crate) fn server_here(&self) -> Option<ServerInfo> {
        static TOLD: Once = Once::new();
        match served(&Embedded, &self.data_dir) {
            Served::By(info) => Some(info),
            Served::Left(path) => {
                TOLD.call_once(|| {
                    note(&format!("{}: left by a server that is gone; ignored", words::path(&path, None)));
                });
                None
            }
            Served::No => None,
        }
    }

    /// Refuses a command that writes the data folder while a server holds it.
    ///
    /// # Errors
    /// If one does.
    pub(crate) fn not_served(&self) -> Result<(), CliError> {
        match self.server_here() {
            Some(server) => Err(CliError::Served { pid: server.pid }),
            None => Ok(()),
        }
    }

    /// Refuses `--server` where a command works on the data folder only, and says why.
    ///
    /// # Errors
    /// If a server was named.
    pub(crate) fn folder_only(&self, command: &'static str, why: &'static str) -> Result<(), CliError> {
        match &self.server {
            Some(_) => Err(CliError::FolderOnly { command, why }),
            None => Ok(()),
        }
    }

    /// The key for a server: that of the file which was named, else of the environment.
    ///
    /// # Errors
    /// If the file cannot be read, or there is no key in what should be one.
    pub(crate) fn key(&self) -> Result<Option<ApiKey>, CliError> {
        match (&self.api_key_file, &self.api_key) {
            (Some(path), _) => {
                let text = fs_err::read_to_string(path).map_err(|source| CliError::KeyFile { source })?;
                let wrong = |source| CliError::Key { place: path.display().to_string(), source };
                ApiKey::new(&text).map(Some).map_err(wrong)
            }
            (None, Some(key)) => {
                let wrong = |source| CliError::Key { place: "SENSORIUM_API_KEY".to_owned(), source };
                key.clone().map(Some).map_err(wrong)
            }
            (None, None) => Ok(None),
        }
    }

    /// The certificates that a server's own must be signed by, if a file of them was named.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn certificates(&self) -> Result<Option<Vec<u8>>, CliError> {
        let read = |path: &PathBuf| fs_err::read(path).map_err(|source| CliError::KeyFile { source });
        self.ca.as_ref().map(read).transpose()
    }

    /// The models of the data folder.
    pub(crate) fn models(&self) -> Models {
        Models::of(&self.data_dir)
    }

    /// The hub of models.
    ///
    /// # Errors
    /// If its address is none.
    pub(crate) fn model_hub(&self) -> anyhow::Result<Hub> {
        Ok(Hub::new(self.hub.as_deref().unwrap_or(PUBLIC_HUB), self.hub_token.clone())?)
    }

    /// The index of packages.
    ///
    /// # Errors
    /// If its address is none.
    pub(crate) fn package_index(&self) -> anyhow::Result<Index> {
        Ok(Index::new(self.package_index.as_deref().unwrap_or(PUBLIC_INDEX))?)
    }

    /// Where the bundle lies that was named, else the default one; `None` for the one built in.
    ///
    /// # Errors
    /// If what was named is neither a model that is here nor the folder of a bundle.
    pub(crate) fn bundle_place(&self) -> Result<Option<PathBuf>, CliError> {
        let models = self.models();
        let Some(named) = &self.bundle else {
            return Ok(models.default_name().and_then(|name| models.find(&name)));
        };
        if let Some(name) = named.to_str() {
            if name == BUILT_IN {
                return Ok(None);
            }
            if let Some(folder) = models.find(name) {
                return Ok(Some(folder));
            }
        }
        if named.join("config.json").is_file() && !named.join("bundle.toml").is_file() {
            return Err(CliError::BareModel { folder: named.clone() });
        }
        if named.is_dir() {
            return Ok(Some(named.clone()));
        }
        Err(CliError::UnknownBundle { named: named.clone() })
    }

    /// The bundle of models that was named, else the default one; its encoders load at first use.
    ///
    /// # Errors
    /// If there is none of that name, or its manifest cannot be read.
    pub(crate) fn bundle(&self) -> anyhow::Result<Arc<Bundle>> {
        load_bundle(self.bundle_place()?)
    }

    /// The bundle that was named, else the one that made the collection, else the default one.
    async fn bundle_of(&self, data_dir: &Path, collection: &str) -> anyhow::Result<Arc<Bundle>> {
        if self.bundle.is_none()
            && let Some(space) = stored_space(&Embedded, data_dir, collection).await
        {
            if let Some((_, folder)) = self.models().of_revision(&space.revision) {
                return load_bundle(Some(folder));
            }
            let built_in = load_bundle(None)?;
            let name = |revision: &str| revision.split('@').next().map(str::to_owned);
            if name(&space.revision) == name(&built_in.space().revision) {
                return Ok(built_in);
            }
        }
        self.bundle()
    }

    /// Opens the collection in the data folder.
    ///
    /// # Errors
    /// If it cannot be opened, or another process writes it.
    pub(crate) async fn open(&self, access: Access, jobs: Option<u16>) -> anyhow::Result<Arc<Engine>> {
        self.open_at(&self.data_dir, &self.collection, access, jobs).await
    }

    /// Opens a collection of a folder with the bundle that made it, unless another was named.
    ///
    /// # Errors
    /// If it cannot be opened, or another process writes it.
    pub(crate) async fn open_at(
        &self,
        data_dir: &Path,
        collection: &str,
        access: Access,
        jobs: Option<u16>,
    ) -> anyhow::Result<Arc<Engine>> {
        let bundle = self.bundle_of(data_dir, collection).await?;
        self.open_by(bundle, (data_dir, collection), (access, jobs)).await
    }

    /// The bundle of the vectors that a collection keeps of before.
    ///
    /// # Errors
    /// If it keeps none, or the bundle is not here.
    pub(crate) async fn kept_bundle(&self, collection: &str) -> anyhow::Result<Arc<Bundle>> {
        let reader = self.open_at(&self.data_dir, collection, Access::Read, None).await?;
        let name = collection.to_owned();
        let kept = reader.kept_space().await?.ok_or(CliError::NothingKept { name })?;
        let found = match &self.bundle {
            Some(_) => Some(self.bundle()?).filter(|bundle| bundle.space() == kept),
            None => Elders(self.models()).find(&kept.revision),
        };
        Ok(found.ok_or(CliError::NoBundleKept { revision: kept.revision })?)
    }

    /// Opens a collection with a bundle.
    ///
    /// # Errors
    /// As [`Setting::open_at`].
    pub(crate) async fn open_by(
        &self,
        bundle: Arc<Bundle>,
        (data_dir, collection): (&Path, &str),
        (access, jobs): (Access, Option<u16>),
    ) -> anyhow::Result<Arc<Engine>> {
        let config = EngineConfig {
            data_dir: data_dir.to_path_buf(),
            storage: Arc::new(Embedded),
            collection: collection.to_owned(),
            bundle,
            elders: Some(Arc::new(Elders(self.models()))),
            worker_program: std::env::current_exe().map_err(|source| CliError::OwnProgram { source })?,
            jobs: jobs.map_or_else(cores, usize::from),
            limits: Limits::default(),
            access,
        };
        Ok(Engine::open(config).await?)
    }
}

/// The bundles of the data folder, and the one built in, by the revisions of their spaces.
#[derive(Debug)]
struct Elders(Models);

impl FindBundle for Elders {
    fn find(&self, revision: &str) -> Option<Arc<Bundle>> {
        if let Some((_, folder)) = self.0.of_revision(revision) {
            return load_bundle(Some(folder)).ok();
        }
        load_bundle(None).ok().filter(|built_in| built_in.space().revision == revision)
    }
}

/// A bundle in a folder, or the one built in.
pub(crate) fn load_bundle(folder: Option<PathBuf>) -> anyhow::Result<Arc<Bundle>> {
    let options = LoadOptions::default();
    Ok(match folder {
        Some(folder) => Bundle::load(FolderFiles(folder), options)?,
        None => Bundle::load(StaticFiles(sensorium_mini::files()), options)?,
    })
}

/// Cores of this machine.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn data_dir(global: &Global, environment: &Environment) -> Option<PathBuf> {
    if let Some(folder) = global.data.as_ref().or(environment.data.as_ref()) {
        return Some(folder.clone());
    }
    let data_home = match &environment.xdg_data_home {
        Some(folder) => folder.clone(),
        None => environment.home.as_ref()?.join(DEFAULT_DATA_HOME),
    };
    Some(data_home.join(FOLDER_NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_folder_is_the_first_of_option_variable_and_xdg() {
        let mut environment = Environment { home: Some("/home/a".into()), ..Environment::default() };
        let mut global = Global::default();
        let folder = |global: &Global, environment: &Environment| {
            Setting::new(global, environment).expect("a folder").data_dir
        };
        assert_eq!(folder(&global, &environment), Path::new("/home/a/.local/share/sensorium"));
        environment.xdg_data_home = Some("/xdg".into());
        assert_eq!(folder(&global, &environment), Path::new("/xdg/sensorium"));
        environment.data = Some("/env".into());
        assert_eq!(folder(&global, &environment), Path::new("/env"));
        global.data = Some("/typed".into());
        assert_eq!(folder(&global, &environment), Path::new("/typed"));
        assert!(Setting::new(&Global::default(), &Environment::default()).is_err());
    }

    #[test]
    fn a_named_server_answers() {
        let environment = Environment { data: Some("/nowhere/at/all".into()), ..Environment::default() };
        let mut global = Global::default();
        assert_eq!(Setting::new(&global, &environment).expect("settled").place(), Place::Folder);
        global.server = Some("http://127.0.0.1:1".to_owned());
        let setting = Setting::new(&global, &environment).expect("settled");
        assert_eq!(setting.place(), Place::Server { url: "http://127.0.0.1:1".to_owned(), named: true });
        assert!(setting.folder_only("eval", "it has its own").is_err());
    }
}
