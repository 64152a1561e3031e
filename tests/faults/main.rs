//! Faults from outside: programs that are killed, writes that fail, clocks that jump, users with umasks of their own, and
//! where a secret may not be found afterwards.
//!
//! Each row of the table of faults, and its test; those that are not here need what their neighbours set up.
//!
//! | fault | test |
//! |---|---|
//! | kill -9 at random, six processes | `kills` |
//! | a kill at each write | `writes`, `operations`, `migration`, `env_files` |
//! | an I/O error or a full disk at each write, once and for ever | `writes`, `operations`, `migration` |
//! | killed between commit and secret | `writes::a_creation…`, `cli::rotate::killed_at_any_moment…` |
//! | a full disk, then a deletion | `full_disk`, `store::files::on_a_full_disk…`, on file systems of 2 to 12 MB |
//! | two admins at once | `store::rules::of_two_concurrent_admins…`, `ui::rotate::the_second_of_two_admins…` |
//! | several rotations of one key at once | `cli::rotate::of_six_rotations…`, `cli::rotate::a_running_rotation…`, `store::rules` |
//! | a stale screen | `ui::screens::a_stale_confirmation…` |
//! | the write lock held for long | `environment::a_lock…`; 60 s would test no more than the time at which one gives up |
//! | database renamed, removed, replaced | `pty::sessions::a_moved_database…`, `serve::faults`, `store::rules` |
//! | read-only, cut, flipped, foreign, newer | `store::files`, `serve::faults::a_damaged_database…`, `cli::doctor` |
//! | migration killed | `migration` |
//! | a recorder that is killed or cannot write, while a key waits to be unused | `serve::recording_book`, `store::until_unused` |
//! | the clock set while an outage or an end on evidence is due | `store::outages::no_outage…`, `store::until_unused::a_clock…` |
//! | no source address, or one that the client chooses | `serve::allowed_sources` |
//! | an answer or its time that reveals a canary key | `serve::canaries`, `serve::timing` |
//! | a receipt with a flipped byte, or of another past | `cli::deletion_receipt` |
//! | link or file where something is to be written | `cli::secrets`, `cli::backup_and_export`, `ui::wizard::the_secret_is_written…` |
//! | a backup restored | `cli::audit`, `pty::known_head`, `ui::audit` |
//! | the clock jumps | `clock` |
//! | a clock before 1970, or far from any date | `clock::no_command…`, `clock::an_endpoint_survives…`, `store::rules` |
//! | no randomness | `environment` |
//! | signals, the terminal gone, a panic, no core dump | `pty::lifecycle` |
//! | sizes, random keys, clicks and pastes | `ui::random_input`, `ui::screens::a_terminal_may…`, `pty::lifecycle::sizes…` |
//! | 10 MB pasted | `environment` |
//! | hostile arguments, to every command | `cli::generated` |
//! | hostile text | `cli::keys::hostile_names…`, `cli::backup_and_export::an_export…`, `canary::ten_thousand…`, `domain::text` |
//! | a limit on the size of files | `environment::a_file_size_limit…` |
//! | a FIFO, a device, a link or a huge file in the place of one | `files::a_path_that_is_no_file…` |
//! | others may change settings or folders; many set up at once; a home that is not there | `files` |
//! | output closed or full, a dumb terminal, none | `environment` |
//! | HTTP abuse, 100,000 races | `serve::abuse`, `serve::races` |
//! | several users, umasks, a crash between | `users` |
//! | a secret where it was not asked for: files, logs, screens, arguments | `canary`, `pty::rotate::a_shown_and_copied_secret…`, `ui::wizard::the_secret_is_only_in_frames…`, `pty::lifecycle` |
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test says why it fails or is skipped")]

#[path = "../support/mod.rs"]
mod support;

mod canary;
mod clock;
mod env_files;
mod environment;
mod files;
mod full_disk;
mod kills;
mod migration;
mod operations;
mod users;
mod writes;

use support::home::{is_sound, is_sound_file, verdict};
