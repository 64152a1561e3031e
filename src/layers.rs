//! Reads the paths in `src/` and holds its layers: none imports upward, and no folder has a circle.
//!
//! A folder's `mod.rs` may use what is in the folder and the other way round. A name that it re-exports counts as its
//! origin. Tests are not looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::visit::Visit;
use syn::{Item, ItemUse, UseTree, Visibility};

/// What each layer may import.
const LAYERS: [(&str, &[&str]); 9] = [
    ("domain", &[]),
    ("host", &["domain"]),
    ("config", &["domain", "host"]),
    ("store", &["domain", "host"]),
    ("desk", &["domain", "host", "store"]),
    ("verify", &["domain", "host", "store"]),
    ("serve", &["domain", "host", "store", "verify"]),
    ("cli", &["domain", "host", "config", "store", "desk", "verify", "serve"]),
    ("tui", &["domain", "host", "config", "store", "desk"]),
];

/// A module or a path: its segments.
type Segments = Vec<String>;

#[derive(Default)]
struct Source {
    paths: Vec<Segments>,
    /// Names that are re-exported, with where they come from.
    exported: BTreeMap<String, Segments>,
}

impl<'ast> Visit<'ast> for Source {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs[..],
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => &[],
        };
        let is_test = |attribute: &syn::Attribute| {
            attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|p| p.is_ident("test"))
        };
        if !attributes.iter().any(is_test) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let mut leaves = Vec::new();
        expand(&item.tree, &mut Vec::new(), &mut leaves);
        for (name, path) in leaves {
            if !matches!(item.vis, Visibility::Inherited) {
                self.exported.insert(name, path.clone());
            }
            self.paths.push(path);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }
}

/// The names that a `use` brings, with their whole paths.
fn expand(tree: &UseTree, before: &mut Segments, leaves: &mut Vec<(String, Segments)>) {
    let leaf = |last: &syn::Ident| before.iter().cloned().chain([last.to_string()]).collect::<Segments>();
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            expand(&path.tree, before, leaves);
            before.pop();
        }
        UseTree::Name(name) => leaves.push((name.ident.to_string(), leaf(&name.ident))),
        UseTree::Rename(name) => leaves.push((name.rename.to_string(), leaf(&name.ident))),
        UseTree::Glob(_) => leaves.push(("*".to_owned(), before.clone())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| expand(tree, before, leaves)),
    }
}

/// Whether a file has the tests of the file beside it.
fn is_tests(name: &str) -> bool {
    name == "tests" || name.ends_with("_tests")
}

fn sources() -> BTreeMap<Segments, Source> {
    let mut sources = BTreeMap::new();
    let mut folders = vec![(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), Segments::new())];
    while let Some((folder, module)) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let child: Segments = module.iter().cloned().chain([name.clone()]).collect();
            if path.is_dir() {
                folders.push((path, child));
            } else if !matches!(name.as_str(), "lib" | "main" | "layers") && !is_tests(&name) {
                let mut source = Source::default();
                source.visit_file(&syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap());
                sources.insert(if name == "mod" { module.clone() } else { child }, source);
            }
        }
    }
    sources
}

/// The module that a path in another one leads to, if it is one of ours.
fn target(sources: &BTreeMap<Segments, Source>, from: &Segments, path: &Segments) -> Option<Segments> {
    let mut module = match path.first()?.as_str() {
        "crate" => vec![],
        "self" => from.clone(),
        "super" => from[..from.len().checked_sub(1)?].to_vec(),
        first => {
            let child = from.iter().cloned().chain([first.to_owned()]).collect();
            if !sources.contains_key(&child) {
                return None;
            }
            child
        }
    };
    for name in &path[1..] {
        if name == "super" {
            module.pop();
            continue;
        }
        let child: Segments = module.iter().cloned().chain([name.clone()]).collect();
        if sources.contains_key(&child) {
            module = child;
            continue;
        }
        let origin = sources.get(&module).and_then(|source| source.exported.get(name));
        return origin.and_then(|origin| target(sources, &module, origin)).or(Some(module));
    }
    Some(module)
}

/// Which module imports which.
fn imports() -> BTreeSet<(Segments, Segments)> {
    let sources = sources();
    let edges = sources.iter().flat_map(|(from, source)| {
        source.paths.iter().filter_map(|path| Some((from.clone(), target(&sources, from, path)?)))
    });
    edges.filter(|(from, to)| from != to && !to.is_empty()).collect()
}

#[test]
fn no_layer_imports_upward() {
    let allowed: BTreeMap<&str, &[&str]> = LAYERS.into();
    let wrong: Vec<String> = imports()
        .into_iter()
        .filter(|(from, to)| from[0] != to[0] && !allowed[from[0].as_str()].contains(&to[0].as_str()))
        .map(|(from, to)| format!("{} imports {}", from.join("::"), to.join("::")))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_folder_has_a_circle() {
    let mut folders: BTreeMap<Segments, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (from, to) in imports() {
        let common = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
        if let (Some(one), Some(other)) = (from.get(common), to.get(common)) {
            folders
                .entry(from[..common].into())
                .or_default()
                .entry(one.clone())
                .or_default()
                .insert(other.clone());
        }
    }
    let mut circles = Vec::new();
    for (folder, edges) in folders {
        let reaches = |start: &String| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![start.clone()]);
            while let Some(one) = next.pop() {
                next.extend(
                    edges
                        .get(&one)
                        .into_iter()
                        .flatten()
                        .filter(|other| seen.insert((*other).clone()))
                        .cloned(),
                );
            }
            seen
        };
        let round =
            |one: &String, other: &String| reaches(one).contains(other) && reaches(other).contains(one);
        for (one, others) in &edges {
            for other in others.iter().filter(|other| round(one, other)) {
                circles.push(format!("{}: {one} imports {other}", folder.join("::")));
            }
        }
    }
    assert!(circles.is_empty(), "{circles:#?}");
}
