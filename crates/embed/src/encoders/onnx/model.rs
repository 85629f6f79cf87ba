//! From files of a bundle to a model that runs.

use std::path::PathBuf;

use sensorium_kernels::l2_normalize;
use sensorium_onnx::{Graph, Input, OnnxError, Output, Port, Session, Source};
use sensorium_types::Modality;

use super::super::finite;
use super::ports::Offered;
use crate::weights::FileBytes;
use crate::{EmbedError, Embedding, stop};

impl Source for FileBytes {
    fn bytes(&self) -> u64 {
        self.len()
    }

    fn read_at(&self, from: u64, count: usize) -> std::io::Result<Vec<u8>> {
        self.read(from, count).map(std::borrow::Cow::into_owned)
    }
}

/// A file that was opened, and the names of all files that its model may have.
#[derive(Debug)]
pub(crate) struct OnnxFile {
    /// Its name in the bundle.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) bytes: FileBytes,
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// Every file of the model, this one included.
    pub(crate) files: Vec<String>,
}

/// What a file says of itself, and the names in the bundle of the files with numbers of it: files of its own folder, and of no other.
pub(crate) fn graph_of(name: &str, bytes: &FileBytes) -> Result<(Graph, Vec<String>), EmbedError> {
    let graph = Graph::read(bytes).map_err(of_file(name))?;
    let folder = name.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let is_plain =
        |file: &&String| !file.is_empty() && !file.starts_with('.') && !file.contains(['/', '\\', '\0']);
    if let Some(other) = graph.beside.iter().find(|file| !is_plain(file)) {
        let what = format!("its numbers lie in {other:?}, which is no name of a file beside it");
        return Err(of_file(name)(OnnxError::Ports { what }));
    }
    let beside = graph.beside.iter().map(|file| format!("{folder}{file}")).collect();
    Ok((graph, beside))
}

/// The error of a file.
pub(crate) fn of_file(file: &str) -> impl Fn(OnnxError) -> EmbedError + '_ {
    move |source| {
        if matches!(source, OnnxError::Cancelled) {
            return EmbedError::Cancelled;
        }
        EmbedError::Onnx { file: file.to_owned(), source }
    }
}

/// A model that runs, and which of its outputs is the vector.
#[derive(Debug)]
pub(super) struct Model {
    file: String,
    session: Session,
}

impl Model {
    /// Looks at the file, then loads it; what `ports` says of both must fit.
    pub(super) fn load<P>(
        file: &OnnxFile,
        threads: usize,
        ports: impl Fn(Offered<'_>) -> Result<P, OnnxError>,
    ) -> Result<(Self, P), EmbedError> {
        let OnnxFile { name, bytes, path, files } = file;
        let (graph, beside) = graph_of(name, bytes)?;
        if let Some(missing) = beside.iter().find(|other| !files.contains(other)) {
            let what = format!(
                "numbers of it lie in {missing}, which is none of the encoder's files in bundle.toml"
            );
            return Err(of_file(name)(OnnxError::Ports { what }));
        }
        ports(Offered::from(&graph)).map_err(of_file(name))?;
        let session = Session::load(path, threads).map_err(of_file(name))?;
        let ports = ports(Offered::from(&session)).map_err(of_file(name))?;
        Ok((Self { file: name.clone(), session }, ports))
    }

    /// The unit vector that comes of inputs, until the caller gives up.
    pub(super) fn vector(
        &self,
        inputs: &[Input<'_>],
        (port, dim): (&Port, usize),
        modality: Modality,
    ) -> Result<Embedding, EmbedError> {
        let ran = self.session.run(inputs, &port.name, stop::current().as_ref());
        let Output { dims, values: mut vector } = ran.map_err(of_file(&self.file))?;
        if dims != [1, dim] || vector.len() != dim {
            let what = format!("its output {} has the sizes {dims:?}, expected [1, {dim}]", port.name);
            return Err(of_file(&self.file)(OnnxError::Ports { what }));
        }
        l2_normalize(&mut vector);
        finite(modality, vector)
    }
}
