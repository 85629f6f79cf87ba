//! Hits as moments for editors and players: `--export FILE`.

use std::path::{Path, PathBuf};

use sensorium_engine::export::{ExportFormat, ExportMoment, export};
use sensorium_types::Hit;

use crate::failure::CliError;
use crate::output::words;

/// An export to be.
#[derive(Debug)]
pub(crate) struct Export {
    path: PathBuf,
    format: ExportFormat,
}

impl Export {
    /// An export of the kind that the name says.
    ///
    /// # Errors
    /// [`CliError::ExportKind`]
    pub(crate) fn new(path: &Path) -> Result<Self, CliError> {
        Ok(Self { path: path.to_path_buf(), format: ExportFormat::of_path(path)? })
    }

    /// Writes the moments of the hits, and gives back what to tell of it. Those of which nothing else is said are called
    /// `title`.
    ///
    /// # Errors
    /// If the format cannot hold them, or the file cannot be written.
    pub(crate) fn write(&self, hits: &[Hit], title: &str) -> Result<String, CliError> {
        let mut moments: Vec<ExportMoment> = hits.iter().map(ExportMoment::of_hit).collect();
        for moment in &mut moments {
            moment.title.get_or_insert_with(|| title.to_owned());
        }
        fs_err::write(&self.path, export(self.format, &moments)?)
            .map_err(|source| CliError::ExportFile { source })?;
        let held = moments.iter().filter(|moment| self.format.holds(moment)).count();
        let mut told =
            format!("wrote {}: {}", self.path.display(), words::count(held as u64, "moment", "moments"));
        if held < moments.len() {
            let left = words::count((moments.len() - held) as u64, "hit", "hits");
            told.push_str(&format!("; {left} left out, which .{} does not hold", self.format.name()));
        }
        Ok(told)
    }
}
