//! `keydesk keys usage`: how to use a key. The secret is a placeholder in it, always.

use serde::Serialize;

use super::super::exit::Exit;
use super::super::failure::Stop;
use super::super::resolve;
use super::super::run::{Run, read};
use crate::domain::platform;
use crate::domain::text::inert;

#[derive(Serialize)]
struct Document<'a> {
    id: &'a str,
    name: &'a str,
    platform: Option<&'a str>,
    header: &'a str,
    curl: &'a str,
    steps: &'a [String],
}

pub(super) fn run(run: &Run, key: &str) -> Result<Exit, Stop> {
    let store = run.store()?;
    let key = read(&store, |reader| resolve::key(run, reader, key))?;
    let usage = platform::usage(&key.kind, &run.settings.catalogue);
    if run.output.is_json() {
        run.output.document(&Document {
            id: key.id.as_str(),
            name: key.name.as_str(),
            platform: key.kind.platform(),
            header: &usage.header,
            curl: &usage.curl,
            steps: &usage.steps,
        })?;
        return Ok(Exit::Done);
    }
    let mut lines = vec![
        format!("{} ({}), for {}", key.name, key.prefix, usage.title),
        String::new(),
        format!("  Header  {}", usage.header),
        format!("  curl    {}", usage.curl),
        String::new(),
    ];
    lines.extend(usage.steps.iter().enumerate().map(|(at, step)| format!("  {}. {}", at + 1, inert(step))));
    run.output.line(&lines.join("\n"))?;
    Ok(Exit::Done)
}
