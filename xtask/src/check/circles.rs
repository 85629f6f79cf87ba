//! Circles of modules: files or folders beside one another that use each other cannot be read, or changed, one at a time.
//!
//! A module is a file; `use` declarations and paths that begin with `crate`, `self` or `super` are read, those of tests are
//! not. Names that a folder's `mod.rs` or a `lib.rs` gives on count as the module that they come from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;

type Module = Vec<String>;

/// Every circle of the crates.
pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for entry in fs_err::read_dir(root.join("crates"))? {
        let folder = entry?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let sources = Sources::read(&folder.join("src"))?;
        complaints.extend(sources.circles().into_iter().map(|(parent, circle)| {
            let place = if parent.is_empty() { "the root".to_owned() } else { parent.join("::") };
            format!("{name}: {} in {place} use each other in a circle", circle.join(", "))
        }));
    }
    Ok(complaints)
}

/// The modules of a crate: what each of them names.
#[derive(Debug, Default)]
struct Sources {
    paths: BTreeMap<Module, Vec<Vec<String>>>,
}

impl Sources {
    fn read(src: &Path) -> Result<Self> {
        let mut sources = Self::default();
        sources.read_folder(src, &[])?;
        Ok(sources)
    }

    fn read_folder(&mut self, folder: &Path, module: &[String]) -> Result<()> {
        for entry in fs_err::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if name.ends_with("tests") {
                continue;
            }
            let inside = || module.iter().cloned().chain([name.clone()]).collect::<Module>();
            if path.is_dir() {
                self.read_folder(&path, &inside())?;
            } else if path.extension().is_some_and(|suffix| suffix == "rs") {
                let own =
                    if matches!(name.as_str(), "mod" | "lib" | "main") { module.to_vec() } else { inside() };
                self.paths.insert(own, paths(&code(&fs_err::read_to_string(&path)?)));
            }
        }
        Ok(())
    }

    /// Circles of modules beside one another, with the folder they are in.
    fn circles(&self) -> Vec<(Module, Vec<String>)> {
        let uses: Vec<(&Module, Module)> = self
            .paths
            .iter()
            .flat_map(|(module, paths)| {
                paths.iter().filter_map(move |path| Some((module, self.resolve(module, path)?)))
            })
            .filter(|(module, target)| *module != target)
            .collect();
        let parents: BTreeSet<&[String]> =
            self.paths.keys().filter_map(|module| module.split_last().map(|(_, parent)| parent)).collect();
        let mut circles = Vec::new();
        for parent in parents {
            let child = |module: &Module| module.strip_prefix(parent).and_then(|rest| rest.first().cloned());
            let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for (from, to) in &uses {
                if let (Some(from), Some(to)) = (child(from), child(to))
                    && from != to
                {
                    arrows.entry(from).or_default().insert(to);
                }
            }
            circles.extend(circles_of(&arrows).into_iter().map(|circle| (parent.to_vec(), circle)));
        }
        circles
    }

    /// The module that a path in another leads to; `None` for paths out of the crate.
    fn resolve(&self, module: &[String], path: &[String]) -> Option<Module> {
        let mut at = module.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => (at, rest) = (Module::new(), path.get(1..)?),
            "self" => rest = path.get(1..)?,
            "super" => {
                while let Some(("super", after)) =
                    rest.split_first().map(|(first, after)| (first.as_str(), after))
                {
                    at.pop()?;
                    rest = after;
                }
            }
            first if self.has(module, first) => {}
            _ => return None,
        }
        while let Some((first, after)) = rest.split_first()
            && self.has(&at, first)
        {
            at.push(first.clone());
            rest = after;
        }
        // What a folder gives on of its own.
        let given = rest.first().and_then(|name| {
            let paths = self.paths.get(&at)?;
            let path = paths.iter().find(|path| path.last() == Some(name) && path.len() > 1)?;
            let own = path.first().filter(|first| self.has(&at, first))?;
            Some([at.as_slice(), std::slice::from_ref(own)].concat())
        });
        Some(given.unwrap_or(at))
    }

    fn has(&self, module: &[String], child: &str) -> bool {
        let name: Module = module.iter().cloned().chain([child.to_owned()]).collect();
        self.paths.keys().any(|known| known.starts_with(&name))
    }
}

/// Sets of names that lead to one another.
fn circles_of(arrows: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reach = |from: &str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(name) = open.pop() {
            for next in arrows.get(&name).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        arrows.keys().map(|name| (name, reach(name))).collect();
    let mut circles = BTreeSet::new();
    for (name, from_it) in &reached {
        if from_it.contains(*name) {
            let both =
                from_it.iter().filter(|other| reached.get(other).is_some_and(|back| back.contains(*name)));
            circles.insert(both.cloned().collect::<Vec<_>>());
        }
    }
    circles.into_iter().collect()
}

/// A file without its comments and without its tests.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let mut code = String::new();
    let mut lines = lines.peekable();
    while let Some(line) = lines.next() {
        let opens_tests = line.trim() == "#[cfg(test)]"
            && lines.peek().is_some_and(|next| next.trim_start().contains("mod ") && next.ends_with('{'));
        if opens_tests {
            break;
        }
        code.push_str(line);
        code.push('\n');
    }
    code
}

/// The paths that code names: of `use` declarations, each to its end, and those that begin with `crate` or `super`.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for statement in code.split(';') {
        let declaration = statement.lines().rev().collect::<Vec<_>>();
        let start = declaration.iter().position(|line| is_use(line));
        if let Some(start) = start {
            let lines = declaration.get(..=start).unwrap_or_default().iter().rev().copied();
            let text = lines.collect::<Vec<_>>().join(" ");
            let (_, tree) = text.split_once("use ").unwrap_or_default();
            expand(tree, &[], &mut paths);
        }
    }
    for begin in ["crate::", "super::"] {
        let mut rest = code;
        while let Some((before, after)) = rest.split_once(begin) {
            rest = after;
            let is_inside =
                before.ends_with(|letter: char| letter.is_alphanumeric() || matches!(letter, '_' | ':'));
            if is_inside {
                continue;
            }
            let end = after.find(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | ':')));
            let tail = after.get(..end.unwrap_or(after.len())).unwrap_or_default();
            let names = tail.split("::").filter(|name| !name.is_empty()).map(str::to_owned);
            paths.push([begin.trim_end_matches(':').to_owned()].into_iter().chain(names).collect());
        }
    }
    paths
}

fn is_use(line: &str) -> bool {
    let line = line.trim_start();
    let after_pub =
        line.strip_prefix("pub").map_or(line, |rest| rest.split_once(' ').map_or("", |(_, rest)| rest));
    after_pub.trim_start().starts_with("use ") && !line.starts_with("pubuse")
}

/// `a::{b, c::{self, d}}` as `a::b`, `a::c`, `a::c::d`.
fn expand(tree: &str, before: &[String], into: &mut Vec<Vec<String>>) {
    let tree = tree.trim();
    let (head, group) = match tree.split_once('{') {
        Some((head, rest)) => (head, rest.rsplit_once('}').map(|(inside, _)| inside)),
        None => (tree.split(" as ").next().unwrap_or_default(), None),
    };
    let names = head.split("::").map(str::trim).filter(|name| !name.is_empty() && *name != "*");
    let path: Vec<String> = before.iter().cloned().chain(names.map(str::to_owned)).collect();
    let Some(group) = group else {
        let path = if path.last().is_some_and(|name| name == "self") && path.len() > 1 {
            path.split_last().map_or_else(Vec::new, |(_, rest)| rest.to_vec())
        } else {
            path
        };
        if !path.is_empty() {
            into.push(path);
        }
        return;
    };
    let (mut depth, mut from) = (0, 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(group.get(from..at).unwrap_or_default(), &path, into);
                from = at + 1;
            }
            _ => {}
        }
    }
    let last = group.get(from..).unwrap_or_default();
    if !last.trim().is_empty() {
        expand(last, &path, into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(files: &[(&str, &str)]) -> Sources {
        let module =
            |name: &str| name.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        Sources { paths: files.iter().map(|(name, text)| (module(name), paths(&code(text)))).collect() }
    }

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let found = sources(files).circles();
        found
            .into_iter()
            .map(|(parent, circle)| format!("{}: {}", parent.join("::"), circle.join(" ")))
            .collect()
    }

    #[test]
    fn paths_are_read_whole() {
        let text = "use std::fmt;\npub(crate) use super::{\n    a::{self, B},\n    c as d,\n};\nfn f(x: crate::g::H) {}\n";
        let found: Vec<String> = paths(&code(text)).iter().map(|path| path.join("::")).collect();
        assert_eq!(found[..4], ["std::fmt", "super::a", "super::a::B", "super::c"]);
        assert!(found.contains(&"crate::g::H".to_owned()));
    }

    #[test]
    fn circles_are_found_through_folders_and_names_given_on() {
        let straight = [("", "mod a;\nmod b;\n"), ("a", "use crate::b::B;\n"), ("b", "use std::fmt;\n")];
        assert!(circles(&straight).is_empty());
        let round = [("", ""), ("a", "use crate::b::B;\n"), ("b", "fn f() { super::a::g() }\n")];
        assert_eq!(circles(&round), [": a b"]);
        let through =
            [("", "pub use a::A;\n"), ("a", "use crate::b::c::C;\n"), ("b", ""), ("b::c", "use crate::A;\n")];
        assert_eq!(circles(&through), [": a b"]);
        let tested = [
            ("", ""),
            ("a", "use crate::b::B; // crate::c\n"),
            ("b", "\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n"),
        ];
        assert!(circles(&tested).is_empty());
        let three =
            [("", ""), ("d::a", "use super::b;\n"), ("d::b", "use super::c;\n"), ("d::c", "use super::a;\n")];
        assert_eq!(circles(&three), ["d: a b c"]);
    }
}
