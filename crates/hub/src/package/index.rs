//! The page of a project of an index, as HTML or JSON.
//!
//! # Source
//! PEP 503 (<https://peps.python.org/pep-0503/>), PEP 691 (<https://peps.python.org/pep-0691/>)

use serde::Deserialize;

use super::id::{PackageId, normal};
use crate::listing::hash;
use crate::look::hex;

/// Most files of a project.
const MAX_FILES: usize = 100_000;
/// What the names of wheels end with.
const WHEEL: &str = ".whl";
/// Hashes that are told where another one is wanted.
const TOLD: usize = 4;

/// A file of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) file: String,
    /// Where it lies, from the page on, without its fragment.
    pub(super) link: String,
    pub(super) sha256: Option<[u8; 32]>,
    pub(super) bytes: Option<u64>,
}

#[derive(Deserialize)]
struct Page {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: Hashes,
    #[serde(default)]
    size: Option<u64>,
}

#[derive(Deserialize, Default)]
struct Hashes {
    #[serde(default)]
    sha256: Option<String>,
}

/// Reads a page.
pub(super) fn read(page: &[u8]) -> Result<Vec<Listed>, &'static str> {
    let text = str::from_utf8(page).map_err(|_| "its page is no text")?;
    let listed: Vec<Listed> = if text.trim_start().starts_with('{') {
        let page: Page = serde_json::from_str(text).map_err(|_| "its page is no index of files")?;
        let file = |File { filename, url, hashes, size }| Listed {
            sha256: hashes.sha256.as_deref().and_then(hash),
            ..listed(filename, &url, size)
        };
        page.files.into_iter().map(file).collect()
    } else {
        anchors(text).map(|(link, file)| listed(file, &link, None)).collect()
    };
    if listed.len() > MAX_FILES {
        return Err("its page has too many files");
    }
    Ok(listed)
}

/// A file by its link, whose fragment may name a hash.
fn listed(file: String, link: &str, bytes: Option<u64>) -> Listed {
    let (link, fragment) = link.split_once('#').unwrap_or((link, ""));
    let sha256 = fragment.split('&').find_map(|field| field.strip_prefix("sha256=")).and_then(hash);
    Listed { file, link: link.to_owned(), sha256, bytes }
}

/// The wheel of a package.
pub(super) fn chosen(listed: Vec<Listed>, id: &PackageId) -> Result<Listed, String> {
    let named: Vec<Listed> = listed.into_iter().filter(|listed| is_of(&listed.file, id)).collect();
    let (name, version) = (id.name(), id.version());
    if named.is_empty() {
        return Err(format!("there is no wheel of {name} {version}"));
    }
    if let Some(same) = named.iter().find(|listed| listed.sha256.as_ref() == Some(id.sha256())) {
        return Ok(same.clone());
    }
    // Where the index names no hash, that of what comes will tell.
    let unknown: Vec<&Listed> = named.iter().filter(|listed| listed.sha256.is_none()).collect();
    match unknown.as_slice() {
        [only] => Ok((*only).clone()),
        [] => {
            let others = named.iter().take(TOLD).filter_map(|listed| {
                listed.sha256.map(|sha256| format!("{} of {}", hex(&sha256), listed.file))
            });
            let others: Vec<String> = others.collect();
            Err(format!("no wheel of {name} {version} has this SHA-256, but: {}", others.join(", ")))
        }
        several => Err(format!("{} wheels of {name} {version}, and no SHA-256 of them", several.len())),
    }
}

/// Whether a file is a wheel of this name and version: `NAME-VERSION(-BUILD)?-PYTHON-ABI-PLATFORM.whl`.
fn is_of(file: &str, id: &PackageId) -> bool {
    let Some(stem) = file.strip_suffix(WHEEL).filter(|_| !file.contains(['/', '\\', '\0'])) else {
        return false;
    };
    let parts: Vec<&str> = stem.split('-').collect();
    let [name, version, rest @ ..] = parts.as_slice() else { return false };
    // A dash of a version is written as an underscore.
    let same = |a: &str, b: &str| {
        a.to_ascii_lowercase().replace('-', "_") == b.to_ascii_lowercase().replace('-', "_")
    };
    (3..=4).contains(&rest.len()) && normal(name) == id.project() && same(version, id.version())
}

/// Links of a page and their texts.
fn anchors(page: &str) -> impl Iterator<Item = (String, String)> {
    let mut rest = page;
    std::iter::from_fn(move || {
        loop {
            let at = rest.find("<a").into_iter().chain(rest.find("<A")).min()?;
            rest = rest.get(at + 2..)?;
            if !rest.starts_with(|letter: char| letter.is_ascii_whitespace()) {
                continue;
            }
            let (link, after) = link(rest)?;
            rest = after;
            let Some(link) = link else { continue };
            let end = rest.find('<').unwrap_or(rest.len());
            let text = rest.get(..end).unwrap_or_default();
            return Some((plain(&link), plain(text.trim())));
        }
    })
}

/// The `href` among the attributes of an anchor, and what follows them; `None` where the page ends before.
fn link(attributes: &str) -> Option<(Option<String>, &str)> {
    let (mut rest, mut link) = (attributes, None);
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('>') {
            return Some((link, after));
        }
        let end = rest.find(|letter: char| letter.is_ascii_whitespace() || matches!(letter, '=' | '>'))?;
        let (name, after) = rest.split_at(end);
        let Some(after) = after.trim_start().strip_prefix('=') else {
            // One without a value; a sign that belongs to none is passed over.
            rest = if end == 0 { after.get(1..)? } else { after };
            continue;
        };
        let after = after.trim_start();
        let quote = after.chars().next().filter(|letter| matches!(letter, '"' | '\''));
        let (value, after) = match quote {
            Some(quote) => after.get(1..)?.split_once(quote)?,
            None => after.split_at(after.find(|letter: char| letter.is_ascii_whitespace() || letter == '>')?),
        };
        if name.eq_ignore_ascii_case("href") && link.is_none() {
            link = Some(value.to_owned());
        }
        rest = after;
    }
}

/// Text with the signs that HTML must write otherwise.
fn plain(text: &str) -> String {
    let signs = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#43;", "+"),
        ("&#x2B;", "+"),
        ("&amp;", "&"),
    ];
    signs.into_iter().fold(text.to_owned(), |text, (written, sign)| text.replace(written, sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTML: &str = r#"<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.3"></head><body>
        <h1>Links for tiny-clip</h1><abbr>no link</abbr>
        <a href="../../packages/tiny_clip-1.0-py3-none-any.whl#sha256=ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB" data-requires-python="&gt;=3.8" >tiny_clip-1.0-py3-none-any.whl</a><br />
        <A class=x HREF='https://files.example.org/a?x=1&amp;y=2#sha256=cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd'> Tiny.Clip-1.0-1-cp311-cp311-linux_x86_64.whl </A>
        <a href="tiny-clip-1.0.tar.gz">tiny-clip-1.0.tar.gz</a><a name="end">end</a></body></html>"#;

    fn id(hash: &str) -> PackageId {
        PackageId::parse(&format!("pypi:tiny.clip==1.0#sha256={}", hash.repeat(32))).unwrap()
    }

    #[test]
    fn both_forms_of_a_page_are_read() {
        let html = read(HTML.as_bytes()).unwrap();
        let files: Vec<&str> = html.iter().map(|listed| listed.file.as_str()).collect();
        let wheels = ["tiny_clip-1.0-py3-none-any.whl", "Tiny.Clip-1.0-1-cp311-cp311-linux_x86_64.whl"];
        assert_eq!(files, [wheels[0], wheels[1], "tiny-clip-1.0.tar.gz"]);
        assert_eq!(html[0].link, "../../packages/tiny_clip-1.0-py3-none-any.whl");
        assert_eq!(
            (html[1].link.as_str(), html[1].sha256),
            ("https://files.example.org/a?x=1&y=2", Some([0xcd; 32]))
        );
        let json = format!(
            r#"{{"meta": {{"api-version": "1.1"}}, "name": "tiny-clip", "files": [{{"filename": "{}", "url": "../a.whl", "size": 7, "hashes": {{"sha256": "{}"}}}},
                {{"filename": "b.whl", "url": "b", "hashes": {{}}}}]}}"#,
            wheels[0],
            "ab".repeat(32)
        );
        let json = read(json.as_bytes()).unwrap();
        assert_eq!((json[0].bytes, json[0].sha256), (Some(7), Some([0xab; 32])));
        assert_eq!((json[1].bytes, json[1].sha256), (None, None));
    }

    #[test]
    fn a_wheel_is_known_by_its_hash() {
        let listed = read(HTML.as_bytes()).unwrap();
        assert_eq!(
            chosen(listed.clone(), &id("cd")).unwrap().file,
            "Tiny.Clip-1.0-1-cp311-cp311-linux_x86_64.whl"
        );
        assert_eq!(chosen(listed.clone(), &id("ab")).unwrap().file, "tiny_clip-1.0-py3-none-any.whl");
        // Where there is none, that of what comes tells, if it is clear which file is meant.
        let bare = Listed { sha256: None, ..listed[0].clone() };
        assert_eq!(chosen(vec![bare.clone(), listed[1].clone()], &id("ab")).unwrap(), bare);
        assert!(chosen(vec![bare.clone(), bare], &id("ab")).unwrap_err().contains("2 wheels"));
        let other = chosen(vec![listed[1].clone()], &id("ab")).unwrap_err();
        assert!(other.contains(&"cd".repeat(32)), "{other}");
        let version = PackageId::parse(&format!("pypi:tiny-clip==1.1#sha256={}", "cd".repeat(32))).unwrap();
        assert!(chosen(listed.clone(), &version).unwrap_err().contains("no wheel"));
        assert!(chosen(vec![listed[2].clone()], &id("cd")).unwrap_err().contains("no wheel"));
    }

    #[test]
    fn what_is_no_page_has_no_files_and_never_panics() {
        assert!(read(b"{}").is_err() && read(b"{").is_err() && read(b"\xff").is_err());
        for end in 0..HTML.len() {
            let _ = read(HTML.get(..end).unwrap_or_default().as_bytes());
        }
        for page in [
            "",
            "<a",
            "<a ",
            "<a href",
            "<a href=",
            "<a href='x",
            "<a =>x",
            "<a == = >x</a>",
            "<a href=x>",
            "<a \"\">",
        ] {
            assert!(read(page.as_bytes()).unwrap().len() <= 1, "{page}");
        }
    }
}
