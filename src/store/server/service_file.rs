//! Named connections in the format of libpq: sections with `keyword=value` lines.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::fault::{Fault, FaultKind};
use crate::domain::postgres_url::Settings;
use crate::domain::secret::Secret;
use crate::domain::text::inert;

/// A section.
#[derive(Debug, Default)]
pub(in crate::store) struct Service {
    pub(in crate::store) settings: Settings,
    pub(in crate::store) password: Option<Secret>,
    /// A sentence, when other users can read the password.
    pub(in crate::store) warning: Option<String>,
}

/// Finds a section in the first file that has it.
///
/// # Errors
/// When no file has it, or the section is not valid.
pub(in crate::store) fn find(name: &str, files: &[PathBuf]) -> Result<Service, Fault> {
    for path in files {
        let content = match std::fs::read(path) {
            Ok(content) => Zeroizing::new(content),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(settings_fault(path, &error.to_string())),
        };
        let text =
            std::str::from_utf8(&content).map_err(|_| settings_fault(path, "it is not valid UTF-8"))?;
        if let Some(mut service) = parse(text, name).map_err(|why| settings_fault(path, &why))? {
            let is_open = std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
            if service.password.is_some() && is_open {
                service.warning = Some(format!(
                    "{} contains a password, and its mode lets other users read it",
                    inert(&path.to_string_lossy())
                ));
            }
            return Ok(service);
        }
    }
    let files: Vec<String> = files.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    Err(Fault::new(FaultKind::Settings, format!("service \"{name}\" not found in {}", files.join(", "))))
}

fn settings_fault(path: &Path, why: &str) -> Fault {
    Fault::new(FaultKind::Settings, why).about(path.display())
}

/// Returns the section of a name, if there is one.
fn parse(text: &str, name: &str) -> Result<Option<Service>, String> {
    let mut service: Option<Service> = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            if service.is_some() {
                break;
            }
            if section.strip_suffix(']') == Some(name) {
                service = Some(Service::default());
            }
            continue;
        }
        let Some(service) = &mut service else { continue };
        let at = |why: String| format!("line {}: {why}", number + 1);
        // The text of the line may be a password.
        let (keyword, value) = line.split_once('=').ok_or_else(|| at("not keyword=value".to_owned()))?;
        match keyword {
            "password" => service.password = Some(Secret::new(value.to_owned())),
            keyword if keyword.chars().all(|c| c.is_ascii_lowercase() || c == '_') => {
                service.settings.set(keyword, value).map_err(|error| at(error.to_string()))?;
            }
            _ => return Err(at("not keyword=value".to_owned())),
        }
    }
    Ok(service)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# comment\n[other]\nhost=wrong\nnonsense\n\n[keydesk]\nhost=a,b\nport=6432\nuser=ana\n\
                        password=hunter2=x\nsslmode=verify-full\n[next]\nhost=wrong\n";

    #[test]
    fn a_section_is_found_by_its_name() {
        let service = parse(TEXT, "keydesk").unwrap().unwrap();
        assert_eq!(service.settings.endpoints().count(), 2);
        assert_eq!(service.settings.user.as_deref(), Some("ana"));
        assert_eq!(service.password.as_ref().unwrap().expose(), "hunter2=x");
        assert!(!format!("{service:?}").contains("hunter2"));
        assert!(parse(TEXT, "absent").unwrap().is_none());
    }

    #[test]
    fn a_mistake_is_reported_with_its_line_and_without_its_text() {
        let why = parse(TEXT, "other").unwrap_err();
        assert_eq!(why, "line 4: not keyword=value");
        let why = parse("[x]\npassword: hunter2=y", "x").unwrap_err();
        assert!(!why.contains("hunter2"), "{why}");
        let why = parse("[x]\noptions=-cjit=off", "x").unwrap_err();
        assert_eq!(why, "line 2: unknown connection parameter \"options\"");
    }

    #[test]
    fn the_first_file_with_the_section_counts() {
        let folder = tempfile::tempdir().unwrap();
        let [absent, first, second] = ["absent", "first", "second"].map(|name| folder.path().join(name));
        std::fs::write(&first, "[x]\nhost=one\npassword=hunter2").unwrap();
        std::fs::set_permissions(&first, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::write(&second, "[x]\nhost=two\n[y]\nhost=three").unwrap();
        let files = [absent, first, second];
        let service = find("x", &files).unwrap();
        assert_eq!(service.settings.hosts, ["one".parse().unwrap()]);
        assert!(service.warning.unwrap().contains("lets other users read it"));
        let service = find("y", &files).unwrap();
        assert_eq!((service.settings.hosts, service.warning), (vec!["three".parse().unwrap()], None));
        assert!(find("z", &files).unwrap_err().to_string().starts_with("service \"z\" not found in "));
    }
}
