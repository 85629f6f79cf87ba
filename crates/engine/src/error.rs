//! Every error of the engine.

use std::path::PathBuf;

use sensorium_embed::EmbedError;
use sensorium_media::MediaError;
use sensorium_store::StoreError;
use sensorium_types::{AssetId, ErrorKind, FailureReason, Language, Modality, PayloadError};

/// What can go wrong in the engine. Failures of single files are no errors: they are recorded and told as events.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The encoders could not encode.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// The decoding workers could not be started.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// A file or folder could not be read or written.
    #[error("{action}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A collection that is not there.
    #[error("there is no collection {name:?}; there are: {known}")]
    UnknownCollection {
        /// The name asked for.
        name: String,
        /// The names there are, separated by commas.
        known: String,
    },
    /// An asset that is not there.
    #[error("there is no asset {asset}")]
    UnknownAsset {
        /// The asset asked for.
        asset: AssetId,
    },
    /// A point that is not there.
    #[error("there is no point {point}")]
    UnknownPoint {
        /// The point asked for, as people write it.
        point: String,
    },
    /// The collection was made by another bundle than the one at hand.
    #[error(
        "collection {collection:?} was made with {stored}, and this is {bundle}: run `sensorium reembed`, or choose \
         that bundle with --bundle or SENSORIUM_BUNDLE"
    )]
    SpaceMismatch {
        /// The collection.
        collection: String,
        /// The space of its vectors.
        stored: String,
        /// The space of the bundle.
        bundle: String,
    },
    /// A write through an engine opened for reading.
    #[error("the database is open for reading only")]
    ReadOnly,
    /// The collection is being made anew, or has been since it was opened.
    #[error(
        "the collection {collection:?} is made anew (sensorium reembed), and takes no changes until its end: ask again"
    )]
    MadeAnew {
        /// The collection.
        collection: String,
    },
    /// A PATH to index that is not there.
    #[error("{}: no such file or folder", path.display())]
    PathMissing {
        /// The path.
        path: PathBuf,
    },
    /// A PATH to prune below that is empty.
    #[error(
        "{}: the folder is empty, so nothing is pruned: it may be a disk that is not mounted; to forget its files \
         use `sensorium delete`",
        path.display()
    )]
    PruneEmptyPath {
        /// The path.
        path: PathBuf,
    },
    /// A folder whose every indexed file is gone.
    #[error(
        "{}: the folder is empty now and held {rows} indexed files, so nothing is pruned: mount the disk that \
         belongs there, or repeat with --force to forget them",
        path.display()
    )]
    PruneEmptyFolder {
        /// The folder.
        path: PathBuf,
        /// Source rows below it.
        rows: usize,
    },
    /// More than half of the sources are gone.
    #[error(
        "{gone} of {rows} indexed files are gone, more than half, so nothing is pruned: see that all disks are \
         mounted, then repeat with --force to forget them"
    )]
    PruneTooMany {
        /// Files that are gone.
        gone: usize,
        /// Files with a row.
        rows: usize,
    },
    /// A glob that cannot be read.
    #[error("{glob:?} is not a glob: {problem}")]
    Glob {
        /// The glob.
        glob: String,
        /// What is wrong with it.
        problem: globset::ErrorKind,
    },
    /// A metadata file that cannot be used.
    #[error("{}:{line}: {problem}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: MetadataProblem,
    },
    /// User metadata that breaks the rules.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// An asset without sound.
    #[error("there is nothing to hear in the asset {asset}")]
    NothingToHear {
        /// The asset.
        asset: AssetId,
    },
    /// An asset of ready vectors that breaks a rule.
    #[error("the asset {asset} {what}")]
    ReadyAsset {
        /// The asset.
        asset: AssetId,
        /// The rule.
        what: &'static str,
    },
    /// A text of a query without anything to read.
    #[error("a text of the query is blank: say what to look for")]
    BlankText,
    /// A query without a term that counts above 0.
    #[error("a query needs at least one term with a weight above 0")]
    NoPositiveTerm,
    /// A query that images cannot be read against.
    #[error(
        "to rerank, a query needs exactly one text that counts above 0, and its terms in one list (not each alone)"
    )]
    RerankTerms,
    /// The caption decoder reads English.
    #[error(
        "reranking reads English, and the text is taken for {language}: leave the reranking out, or say that it is English"
    )]
    RerankLanguage {
        /// What the text is taken for.
        language: Language,
    },
    /// Terms that cancel each other out.
    #[error("the terms of the query cancel each other out: their sum has length {length:.6}")]
    EmptySum {
        /// Length of the weighted sum.
        length: f32,
    },
    /// A vector that points nowhere.
    #[error(
        "the model makes nothing of it but zeros, or numbers that are not finite: add the model anew, or take another"
    )]
    NoDirection,
    /// A weight that is no number.
    #[error("a weight must be a finite number other than 0")]
    BadWeight,
    /// A vector of the wrong length, or with a length of 0.
    #[error(
        "a vector of this collection has {expected} finite numbers that are not all 0, received {received}"
    )]
    BadVector {
        /// The dimension of the space.
        expected: usize,
        /// Numbers received.
        received: usize,
    },
    /// A term that could not be decoded.
    #[error("{term}: {reason}")]
    BadTerm {
        /// The file, or what stands for the bytes.
        term: String,
        /// Why not.
        reason: FailureReason,
    },
    /// Media with nothing to see or hear, which nothing puts into words.
    #[error("{name} is {modality}: only images, videos and audio are put into words")]
    NothingToCaption {
        /// The file, or what stands for the bytes.
        name: String,
        /// What it is.
        modality: Modality,
    },
    /// Media that cannot be summarized, for they are no video.
    #[error("{name} is {modality}: only videos are summarized; `sensorium caption` puts images into words")]
    NotAVideo {
        /// The file, or what stands for the bytes.
        name: String,
        /// What it is.
        modality: Modality,
    },
    /// A video without anything in its image.
    #[error("every frame of {name} is blank: there is nothing to summarize")]
    NothingToSee {
        /// The file, or what stands for the bytes.
        name: String,
    },
    /// A summary of a single point.
    #[error("a summary is of a whole video: ask for asset:{asset}")]
    NotAWholeVideo {
        /// The video.
        asset: AssetId,
    },
    /// An item without parts.
    #[error("an item needs at least one part")]
    NoParts,
    /// A reference to bytes that lie nowhere.
    #[error("bytes sent with an item cannot be kept by reference: choose copy or none")]
    NothingToRefer,
    /// A fused part that is not there.
    #[error("fuse names the part {name:?}, and the item has no such part")]
    UnknownPart {
        /// The name.
        name: String,
    },
    /// Two parts of one name.
    #[error("two parts of the item have the name {name:?}")]
    RepeatedPart {
        /// The name.
        name: String,
    },
    /// A collection that was made anew is not whole.
    #[error(
        "{found} of {expected} assets are in the new collection, and nothing was replaced: run `sensorium reembed` \
         again"
    )]
    NotWhole {
        /// Assets of the collection.
        expected: u64,
        /// Assets found in its successor.
        found: u64,
    },
    /// The caller gave up.
    #[error("cancelled")]
    Cancelled,
    /// The store of this engine cannot do it.
    #[error("this store cannot {action}")]
    NotSupported {
        /// What was asked.
        action: &'static str,
    },
    /// The media of an asset is not where it was.
    #[error("the media of {asset} is not available: {reason}")]
    MediaAway {
        /// The asset.
        asset: AssetId,
        /// Why.
        reason: FailureReason,
    },
    /// A task of ours panicked.
    #[error("a task of the engine died: {action}")]
    Task {
        /// What it did.
        action: &'static str,
    },
}

/// What is wrong with a line of a metadata file.
#[derive(Debug, thiserror::Error)]
pub enum MetadataProblem {
    /// Not JSON, or not an object.
    #[error("not a JSON object: {0}")]
    Json(String),
    /// A file in UTF-16, as Excel writes "Unicode text".
    #[error("the file is in UTF-16: save it as UTF-8 (in Excel: \"CSV UTF-8\")")]
    Utf16,
    /// Bytes that are no text.
    #[error("not UTF-8: save the file as UTF-8 (in Excel: \"CSV UTF-8\")")]
    NotUtf8,
    /// A byte that no text has.
    #[error("a byte of 0, which no text has: save the file as UTF-8")]
    Nul,
    /// A line or row beyond all measure.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The length allowed.
        limit: usize,
    },
    /// A header without a column that names files.
    #[error(
        "the header has no field `path` or `file`: it holds {columns}{}",
        separated(columns.contains(", "), *delimiter)
    )]
    NoPathColumn {
        /// The columns it has.
        columns: String,
        /// What seems to stand between them.
        delimiter: char,
    },
    /// Two columns of one name.
    #[error("the header has the column `{name}` twice")]
    RepeatedColumn {
        /// The name.
        name: String,
    },
    /// A row that is longer than the header.
    #[error("the row has {received} cells and the header has {expected}{}", separated(true, *delimiter))]
    Cells {
        /// Columns of the header.
        expected: usize,
        /// Cells up to the last that holds something.
        received: usize,
        /// What stands between them.
        delimiter: char,
    },
    /// A quote without its end.
    #[error("the quote that begins on this line is never closed")]
    OpenQuote,
    /// Text between a closing quote and the end of the cell.
    #[error("text behind a closing quote: a quote inside of quotes is written twice")]
    AfterQuote,
    /// No field that names a file.
    #[error("no field `path` or `file` that names one")]
    NoPath,
    /// Metadata that breaks the rules.
    #[error("{0}")]
    Payload(PayloadError),
}

fn separated(are_several: bool, delimiter: char) -> String {
    match delimiter {
        _ if !are_several => String::new(),
        '\t' => ", separated by tabs".to_owned(),
        delimiter => format!(", separated by `{delimiter}`"),
    }
}

impl EngineError {
    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind,
            Self::Embed(error) => error.kind(),
            Self::Media(_) | Self::MadeAnew { .. } => ErrorKind::Unavailable,
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            Self::Io { .. } => ErrorKind::Unavailable,
            Self::UnknownCollection { .. }
            | Self::UnknownAsset { .. }
            | Self::UnknownPoint { .. }
            | Self::PathMissing { .. } => ErrorKind::NotFound,
            Self::SpaceMismatch { .. }
            | Self::ReadOnly
            | Self::PruneEmptyPath { .. }
            | Self::PruneEmptyFolder { .. }
            | Self::PruneTooMany { .. }
            | Self::MediaAway { .. } => ErrorKind::FailedPrecondition,
            Self::Glob { .. }
            | Self::Metadata { .. }
            | Self::Payload(_)
            | Self::NothingToHear { .. }
            | Self::ReadyAsset { .. }
            | Self::BlankText
            | Self::NoPositiveTerm
            | Self::RerankTerms
            | Self::RerankLanguage { .. }
            | Self::EmptySum { .. }
            | Self::NoDirection
            | Self::BadWeight
            | Self::BadVector { .. }
            | Self::BadTerm { .. }
            | Self::NothingToCaption { .. }
            | Self::NotAVideo { .. }
            | Self::NothingToSee { .. }
            | Self::NotAWholeVideo { .. }
            | Self::NoParts
            | Self::NothingToRefer
            | Self::UnknownPart { .. }
            | Self::RepeatedPart { .. } => ErrorKind::InvalidArgument,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::NotSupported { .. } => ErrorKind::Unimplemented,
            Self::NotWhole { .. } | Self::Task { .. } => ErrorKind::Bug,
        }
    }
}
