//! The threads of a scan: they walk, read and search. What they find goes to the thread that has the database.

use std::fs::FileType;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use ignore::{DirEntry, WalkBuilder, WalkParallel, WalkState};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::cli::findings::{SearchError, search};
use crate::cli::hidden_input::{self, EchoOff};
use crate::cli::output::to_stderr;
use crate::domain::key_finder::{Form, FoundText, KeyFinder, KeyStream, without_secrets};
use crate::host::kernel_files::is_kernel_file_system;
use crate::host::regular_file::{self, other_kind};

/// Keys of one file that are reported at once, so that those of other files do not come between them.
const MOST_AT_ONCE: usize = 1_000;

/// What a thread has found.
pub(super) enum Event {
    Found { site: Site, path: String, texts: Vec<FoundText> },
    Unreadable { path: String, reason: String },
}

/// Where in a file keys were found.
#[derive(Clone, Copy)]
pub(super) enum Site {
    Content,
    Name,
}

/// The main thread has ended and no longer receives events.
struct Ended;

/// What the threads share.
pub(super) struct Scan<'a> {
    finder: KeyFinder,
    /// Ends all threads.
    pub(super) stop: &'a AtomicBool,
    stdin_name: &'a str,
    files: AtomicU64,
    bytes: AtomicU64,
}

/// Returns a walker that finds everything, or skips what ignore files exclude.
pub(super) fn walker(paths: &[PathBuf], skip_ignored: bool) -> WalkParallel {
    let mut paths = paths.iter();
    let mut builder = WalkBuilder::new(paths.next().map_or(Path::new("."), PathBuf::as_path));
    for path in paths {
        builder.add(path);
    }
    builder.standard_filters(skip_ignored).hidden(false).filter_entry(is_entered).build_parallel()
}

/// Leaves out directories that contain no text: the objects of git repositories, which are compressed, and the file
/// systems of the kernel, some of whose files have no end.
fn is_entered(entry: &DirEntry) -> bool {
    let is_directory = entry.file_type().is_some_and(|file_type| file_type.is_dir());
    if !is_directory || entry.depth() == 0 {
        return true;
    }
    let is_git_directory = |path: &Path| path.join("HEAD").is_file() && path.join("refs").is_dir();
    let holds_objects = entry.file_name() == "objects" && entry.path().parent().is_some_and(is_git_directory);
    !holds_objects && !is_kernel_file_system(entry.path())
}

impl<'a> Scan<'a> {
    pub(super) fn new(finder: KeyFinder, stop: &'a AtomicBool, stdin_name: &'a str) -> Self {
        Self { finder, stop, stdin_name, files: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    /// Files that were read.
    pub(super) fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    /// Bytes that were read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Runs until everything is read, the scan is stopped, or the main thread has ended.
    pub(super) fn run(&self, walker: WalkParallel, events: &SyncSender<Event>) {
        walker.run(|| {
            let mut stream = self.finder.stream();
            let events = events.clone();
            Box::new(move |entry| {
                let visited = match entry {
                    Ok(entry) => self.visit(&entry, &mut stream, &events),
                    Err(error) => unreadable(&events, error_path(&error), &reason(&error)),
                };
                if visited.is_err() || self.is_stopped() { WalkState::Quit } else { WalkState::Continue }
            })
        });
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn visit(
        &self,
        entry: &DirEntry,
        stream: &mut KeyStream<'_>,
        events: &SyncSender<Event>,
    ) -> Result<(), Ended> {
        let path = entry.path();
        if entry.is_stdin() {
            return self.read_standard_input(stream, events);
        }
        if entry.depth() > 0 {
            self.search_name(entry, events)?;
        }
        let Some(file_type) = entry.file_type() else { return Ok(()) };
        let opened = match how(file_type, entry.depth()) {
            How::Skip => return Ok(()),
            How::Follow => regular_file::open(path),
            How::Open => regular_file::open_unlinked(path),
        };
        match opened {
            Ok(file) => {
                let input = Input { scan: self, input: file };
                self.read(input, &shown(path), MOST_AT_ONCE, stream, events)
            }
            // Removed since its directory was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound && entry.depth() > 0 => Ok(()),
            Err(error) => unreadable(events, Some(path), &error.to_string()),
        }
    }

    fn read_standard_input(
        &self,
        stream: &mut KeyStream<'_>,
        events: &SyncSender<Event>,
    ) -> Result<(), Ended> {
        let _echo_off = io::stdin().is_terminal().then(|| {
            let echo_off = EchoOff::begin();
            to_stderr("Paste the text (not shown), then press Ctrl-D on a line of its own:");
            echo_off
        });
        match hidden_input::unbuffered() {
            Ok(file) => {
                let input = Input { scan: self, input: Patient { scan: self, input: file } };
                // What is found is reported at once, since the input may have no end.
                self.read(input, &without_secrets(self.stdin_name), 1, stream, events)
            }
            Err(error) => unreadable(events, Some(Path::new(self.stdin_name)), &error.to_string()),
        }
    }

    /// Reads an input to its end and reports what is in it.
    fn read(
        &self,
        input: impl Read,
        path: &str,
        at_once: usize,
        stream: &mut KeyStream<'_>,
        events: &SyncSender<Event>,
    ) -> Result<(), Ended> {
        let mut texts = Vec::new();
        let report = |texts: Vec<FoundText>| {
            if texts.is_empty() {
                return Ok(());
            }
            let found = Event::Found { site: Site::Content, path: path.to_owned(), texts };
            events.send(found).map_err(|_| Ended)
        };
        let searched = search(stream, input, |text| {
            // Key prefixes are in many logs, and are not secret.
            if !matches!(text.form, Form::Truncated { secret_chars: 0 }) {
                texts.push(text);
            }
            if texts.len() >= at_once { report(std::mem::take(&mut texts)) } else { Ok(()) }
        });
        self.files.fetch_add(1, Ordering::Relaxed);
        report(texts)?;
        match searched {
            Ok(()) => Ok(()),
            Err(SearchError::Each(ended)) => Err(ended),
            Err(SearchError::Input(error)) => unreadable(events, Some(Path::new(path)), &error.to_string()),
        }
    }

    /// Reports keys in the name of a file or directory.
    fn search_name(&self, entry: &DirEntry, events: &SyncSender<Event>) -> Result<(), Ended> {
        let mut texts = Vec::new();
        self.finder.find(entry.file_name().as_encoded_bytes(), |text| texts.push(text));
        if texts.is_empty() {
            return Ok(());
        }
        events.send(Event::Found { site: Site::Name, path: shown(entry.path()), texts }).map_err(|_| Ended)
    }
}

/// What is done with a file.
enum How {
    Open,
    /// Open what the link leads to.
    Follow,
    Skip,
}

/// Files that were given are opened, so that the scan says why it cannot read a FIFO.
fn how(file_type: FileType, depth: usize) -> How {
    match (file_type.is_dir(), depth) {
        (true, _) => How::Skip,
        (false, 0) => How::Follow,
        (false, _) if other_kind(file_type).is_some() => How::Skip,
        (false, _) => How::Open,
    }
}

fn unreadable(events: &SyncSender<Event>, path: Option<&Path>, reason: &str) -> Result<(), Ended> {
    let path = path.map_or_else(|| "a path".to_owned(), shown);
    events.send(Event::Unreadable { path, reason: without_secrets(reason).into_owned() }).map_err(|_| Ended)
}

/// A path without the secrets of keys in it.
fn shown(path: &Path) -> String {
    without_secrets(&path.to_string_lossy()).into_owned()
}

fn error_path(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => error_path(err),
        _ => None,
    }
}

/// Why the walker could not read a path.
fn reason(error: &ignore::Error) -> String {
    error.io_error().map_or_else(|| error.to_string(), io::Error::to_string)
}

/// An input that is counted, and that ends when the scan is stopped.
struct Input<'a, R> {
    scan: &'a Scan<'a>,
    input: R,
}

impl<R: Read> Read for Input<'_, R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if self.scan.is_stopped() {
            return Ok(0);
        }
        let bytes = self.input.read(space)?;
        self.scan.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

/// An input that may be silent for a long time. It ends when the scan is stopped meanwhile.
struct Patient<'a, R> {
    scan: &'a Scan<'a>,
    input: R,
}

impl<R: Read + AsFd> Read for Patient<'_, R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let tick = PollTimeout::from(100_u8);
        while !self.scan.is_stopped() {
            match poll(&mut [PollFd::new(self.input.as_fd(), PollFlags::POLLIN)], tick) {
                Ok(0) | Err(nix::errno::Errno::EINTR) => {}
                Ok(_) => return self.input.read(space),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(0)
    }
}
