//! The library: found and loaded once for the whole process.

#![expect(
    unsafe_code,
    reason = "a library is loaded and asked for its version and providers, which has no safe form"
)]

use std::ffi::{CStr, c_char, c_int};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Arc, OnceLock};

use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::sys::OrtApiBase;
use parking_lot::Mutex;

use crate::OnnxError;
use crate::places::{LIBRARY_VARIABLE, places};

/// ONNX Runtime as it was loaded.
#[derive(Debug)]
pub struct Library {
    /// What it was loaded as: a file, or a name that the system's loader knows.
    pub path: PathBuf,
    /// Its version.
    pub version: String,
    /// What it was built to compute with, as `CPUExecutionProvider`. Whether the machine has what one of them needs shows when a
    /// model is loaded.
    pub providers: Vec<String>,
    pub(crate) environment: Environment,
}

/// The library of this process, searched for and loaded by the first call: as `ORT_DYLIB_PATH` says and nowhere else, or beside the
/// program, where the system's loader looks, and in usual folders. What failed is tried anew by the next call.
///
/// # Errors
/// [`OnnxError::NoLibrary`] if it is nowhere, [`OnnxError::Library`] or [`OnnxError::TooOld`] if what is there cannot be used.
pub fn library() -> Result<&'static Library, OnnxError> {
    static LOADED: OnceLock<Library> = OnceLock::new();
    static LOADING: Mutex<()> = Mutex::new(());
    if let Some(loaded) = LOADED.get() {
        return Ok(loaded);
    }
    let _alone = LOADING.lock();
    if let Some(loaded) = LOADED.get() {
        return Ok(loaded);
    }
    let named = std::env::var_os(LIBRARY_VARIABLE).filter(|named| !named.is_empty()).map(PathBuf::from);
    let program = std::env::current_exe().ok();
    let loaded = first_of(&places(named.as_deref(), program.as_deref()), named.is_some())?;
    Ok(LOADED.get_or_init(|| loaded))
}

/// The first that can be loaded; else what is wrong with the first that is there.
fn first_of(places: &[PathBuf], named: bool) -> Result<Library, OnnxError> {
    let mut fault = None;
    for place in places {
        // A name without a folder is the loader's to find, and is not there if it does not.
        let is_there = place.components().count() > 1 && place.exists();
        match load(place) {
            Ok(library) => return Ok(library),
            Err(error) => {
                let is_there = is_there || named || matches!(error, OnnxError::TooOld { .. });
                fault = fault.or(Some(error).filter(|_| is_there));
            }
        }
    }
    let looked = || places.iter().map(|place| place.display().to_string()).collect();
    Err(fault.unwrap_or_else(|| OnnxError::NoLibrary { looked: looked() }))
}

fn load(path: &Path) -> Result<Library, OnnxError> {
    let version = version_of(path)?;
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(0);
    if minor < ort::MINOR_VERSION {
        let (path, least) = (path.to_owned(), ort::MINOR_VERSION);
        return Err(OnnxError::TooOld { path, received: version, least });
    }
    let failed = |what: String| OnnxError::Library { path: path.to_owned(), what };
    let builder = ort::init_from(path).map_err(|error| failed(error.to_string()))?;
    let environment = builder
        .with_name("sensorium")
        .with_telemetry(false)
        // What fails is an error too, and told by whoever meets it.
        .with_logger(Arc::new(|level: LogLevel, category: &str, _: &str, place: &str, message: &str| {
            tracing::debug!(?level, category, place, "ONNX Runtime: {message}");
        }))
        .build()
        .map_err(|error| failed(error.to_string()))?;
    environment.set_log_level(LogLevel::Warning);
    let providers = providers().map_err(|error| failed(error.to_string()))?;
    tracing::debug!(path = %path.display(), version, "load ONNX Runtime");
    Ok(Library { path: path.to_owned(), version, providers, environment })
}

/// The version that a library says it is of.
fn version_of(path: &Path) -> Result<String, OnnxError> {
    let failed = |what: String| OnnxError::Library { path: path.to_owned(), what };
    // SAFETY: what runs when it is loaded is what whoever installed it wanted to run.
    let opened = unsafe { libloading::Library::new(path) }.map_err(|error| failed(in_full(&error)))?;
    type Base = unsafe extern "C" fn() -> *const OrtApiBase;
    // SAFETY: this is what every release of ONNX Runtime exports under this name (`onnxruntime_c_api.h`).
    let base = unsafe { opened.get::<Base>(b"OrtGetApiBase\0") }
        .map_err(|_| failed("it is no ONNX Runtime, as it has no OrtGetApiBase".to_owned()))?;
    // SAFETY: it takes nothing, and gives a table that lives as long as the library, or null.
    let base =
        unsafe { base().as_ref() }.ok_or_else(|| failed("it gives no table of functions".to_owned()))?;
    // SAFETY: the function gives a text of the library that ends with a zero byte.
    let version = unsafe { CStr::from_ptr((base.GetVersionString)()) }.to_string_lossy().into_owned();
    // It is loaded again at once, and should not be torn down between.
    std::mem::forget(opened);
    Ok(version)
}

/// What an error says, and what it says came before.
fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}"))
}

/// What the library that was loaded was built to compute with.
fn providers() -> Result<Vec<String>, ort::Error> {
    let (mut names, mut count): (*mut *mut c_char, c_int) = (ptr::null_mut(), 0);
    let api = ort::api();
    // SAFETY: both places outlive the call, which fills them in or says why not.
    unsafe { ort::Error::result_from_status((api.GetAvailableProviders)(&raw mut names, &raw mut count)) }?;
    let told = (0..usize::try_from(count).unwrap_or(0)).map(|at| {
        // SAFETY: the list has `count` texts, each of which ends with a zero byte, until it is released below.
        unsafe { CStr::from_ptr(*names.add(at)) }.to_string_lossy().into_owned()
    });
    let told = told.collect();
    // SAFETY: it is the list that the library gave, released once.
    unsafe { ort::Error::result_from_status((api.ReleaseAvailableProviders)(names, count)) }?;
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_library_says_so_and_what_is_nowhere_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("libonnxruntime.so");
        fs_err::write(&file, b"no library").unwrap();
        let error = first_of(std::slice::from_ref(&file), false).unwrap_err();
        assert!(matches!(&error, OnnxError::Library { path, .. } if *path == file), "{error}");
        let missing = [PathBuf::from("libonnxruntime-that-is-nowhere.so"), folder.path().join("gone.so")];
        let error = first_of(&missing, false).unwrap_err();
        assert!(matches!(error, OnnxError::NoLibrary { .. }));
        let said = error.to_string();
        for part in ["pip install onnxruntime", "ORT_DYLIB_PATH=", "gone.so"] {
            assert!(said.contains(part), "{said}");
        }
        let named = first_of(&missing[1..], true).unwrap_err();
        assert!(
            matches!(named, OnnxError::Library { .. }),
            "one that was named is told by its name: {named}"
        );
    }

    #[test]
    fn another_library_is_told_from_it() {
        let loaded = fs_err::read_to_string("/proc/self/maps").unwrap();
        let other = loaded
            .lines()
            .filter_map(|line| line.split_whitespace().nth(5))
            .find(|path| path.contains("libc.so"));
        let Some(other) = other else { return };
        let error = first_of(&[PathBuf::from(other)], false).unwrap_err();
        assert!(error.to_string().contains("it is no ONNX Runtime"), "{error}");
    }
}
