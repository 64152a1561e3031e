//! The examples under each command's help.

pub(crate) const KEYDESK: &str = "\
Examples:
  keydesk                                              open the screen
  keydesk init --email ana@example.com --app Storefront
  keydesk keys create --name Checkout --platform braze --out checkout.key
  keydesk keys list --state expires_soon
  keydesk demo                                         try it out on made-up keys

Exit codes: 0 done or yes, 1 no, 2 wrong command line, 3 could not be done, 4 not allowed";

pub(crate) const INIT: &str = "\
Examples:
  keydesk init --email ana@example.com --app Storefront
  keydesk init --email ana@example.com --app Storefront --db /srv/keydesk/keydesk.db";

pub(crate) const DEMO: &str = "\
Examples:
  keydesk demo          nothing that you do there is kept";

pub(crate) const APPS: &str = "\
Examples:
  keydesk apps list
  keydesk apps create Storefront";

pub(crate) const APPS_LIST: &str = "\
Examples:
  keydesk apps list
  keydesk apps list --json";

pub(crate) const APPS_CREATE: &str = "\
Examples:
  keydesk apps create Storefront";

pub(crate) const APPS_RENAME: &str = "\
Examples:
  keydesk apps rename Storefront Shop      its keys go on working";

pub(crate) const APPS_DELETE: &str = "\
Examples:
  keydesk apps delete Storefront           asks for the name
  keydesk apps delete Storefront --yes     does not ask";

pub(crate) const KEYS: &str = "\
Examples:
  keydesk keys list --app Storefront
  keydesk keys create --name Checkout --expires 90d
  keydesk keys show Checkout";

pub(crate) const KEYS_LIST: &str = "\
Examples:
  keydesk keys list --state expires_soon --sort expires
  keydesk keys list --platform braze --filter 'check ana@'
  keydesk keys list --json | jq -r '.[].id'";

pub(crate) const KEYS_CREATE: &str = "\
The secret stands alone on standard output; everything else goes to standard error.

Examples:
  keydesk keys create --name Checkout
  keydesk keys create --name Checkout --platform braze --type test --expires 2027-01-31
  keydesk keys create --name Checkout --out checkout.key
  keydesk keys create --name Checkout | vault kv put secret/checkout key=-";

pub(crate) const KEYS_SHOW: &str = "\
Examples:
  keydesk keys show Checkout
  keydesk keys show 7Qm2x9KdPa --json";

pub(crate) const KEYS_DISABLE: &str = "\
Examples:
  keydesk keys disable Checkout
  keydesk keys disable 7Qm2x9KdPa ik_live_3fT8bnW0qZ";

pub(crate) const KEYS_ENABLE: &str = "\
Examples:
  keydesk keys enable Checkout";

pub(crate) const KEYS_DELETE: &str = "\
The software that uses a deleted key immediately loses access to the Integration API.

Examples:
  keydesk keys delete Checkout                         asks for the name
  keydesk keys delete 7Qm2x9KdPa 3fT8bnW0qZ            asks for: delete 2 keys
  keydesk keys delete Checkout --yes                   does not ask";

pub(crate) const KEYS_ROTATE: &str = "\
The new key takes over name, platform, type and length of life. Where the delivery fails (standard output, --out, --copy,
--run), the new key is withdrawn, the old one is as it was, and the exit code is 3. Whoever was interrupted runs the same
command again.

Examples:
  keydesk keys rotate Checkout --out checkout.new          the old key works for another 24 hours
  keydesk keys rotate Checkout --overlap 7d | ssh api 'cat > checkout.key'
  keydesk keys rotate Checkout --run 'ssh api deploy-key'  ends the old key only if the command succeeds
  keydesk keys rotate Checkout --leaked --copy             the old key is refused at once";

pub(crate) const KEYS_USAGE: &str = "\
Examples:
  keydesk keys usage Checkout";

pub(crate) const PLATFORMS: &str = "\
Examples:
  keydesk platforms
  keydesk platforms --json";

pub(crate) const USERS: &str = "\
Examples:
  keydesk users list
  keydesk users add ben@example.com --login ben";

pub(crate) const USERS_LIST: &str = "\
Examples:
  keydesk users list
  keydesk users list --json";

pub(crate) const USERS_ADD: &str = "\
Examples:
  keydesk users add ben@example.com --login ben
  keydesk users add ben@example.com                    known by email only, until bound to a login";

pub(crate) const USERS_DISABLE: &str = "\
Examples:
  keydesk users disable ben@example.com";

pub(crate) const USERS_ENABLE: &str = "\
Examples:
  keydesk users enable ben@example.com";

pub(crate) const USERS_DELETE: &str = "\
Examples:
  keydesk users delete ben@example.com                 asks for the email
  keydesk users delete ben@example.com --yes           does not ask";

pub(crate) const VERIFY: &str = "\
Exit code 0 when the key is valid, 1 when it is refused.

Examples:
  keydesk verify < checkout.key
  keydesk verify --file checkout.key --app Storefront --json
  keydesk keys create --name Checkout | keydesk verify";

pub(crate) const SERVE: &str = "\
/auth and /auth/<application> answer 204 or 401, /healthz says whether the database answers, /metrics is for
Prometheus. Refusals are logged on standard error (KEYDESK_LOG=keydesk=debug also logs who is let in).
The README has examples for nginx, Caddy, Traefik and systemd.

Examples:
  keydesk serve
  keydesk serve --listen 127.0.0.1:8080 --require-type production --trusted-proxy 127.0.0.1
  keydesk serve --unix /run/keydesk/auth.sock --unix-mode 666 --trusted-proxy unix";

pub(crate) const DOCTOR: &str = "\
Looks at the database and its files, users, the audit log, the clock, settings, log, clipboard and terminal, and writes
nothing into the database. Each fault comes with what mends it; a note is no fault.

With --proxy it makes a throwaway key, goes through the proxy with it, deletes it, and goes again: a deleted key must
be refused with the very next request. The key is deleted whatever happens, and expires after 5 minutes.

Exit code 0 when all is well, 1 when a fault was found.

Examples:
  keydesk doctor
  keydesk doctor --json | jq '.checks[] | select(.ok | not)'
  keydesk doctor --proxy https://api.example.com/orders
  keydesk doctor --proxy http://127.0.0.1:8080/ --app Storefront --json";

pub(crate) const CHECK: &str = "\
Looks at all Applications, unless --app names one. It also lists, without an effect on the exit code: replaced keys that
end within the time and were used in the last 7 days, keys that were not used for 90 days, and keys whose secret was
never shown. A systemd timer for it stands in assets/systemd.

Exit code 0 when nothing expires within the time, 1 when something does.

Examples:
  keydesk check --within 14d
  keydesk check --within 24h --app Storefront --json | jq -r '.expiring[].name'
  0 7 * * * keydesk check --within 14d >/tmp/k || mail -s 'keys expire' ops@example.com </tmp/k";

pub(crate) const BACKUP: &str = "\
The copy is one file that is whole, checked and on the disk when the command ends; before that, nothing has its name.
To restore it, stop keydesk everywhere, put the old database with its -wal and -shm aside, and copy the backup to its
place. Keys that were deleted since are alive again then: delete them again before you open the door.

Examples:
  keydesk backup /srv/backup/keydesk-$(date +%F).db
  keydesk backup keydesk.bak --json";

pub(crate) const EXPORT: &str = "\
The keys of all Applications, unless --app names one. In CSV a text that a spreadsheet would run as a formula (it begins
with = + - @) gets an apostrophe in front, and controls are made visible; JSON has every text to the letter.

Examples:
  keydesk export --format csv --out keys.csv
  keydesk export --format json --app Storefront | jq -r '.[].name'";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  keydesk completions bash > ~/.local/share/bash-completion/completions/keydesk
  keydesk completions zsh > ~/.zfunc/_keydesk          with fpath+=~/.zfunc before compinit in ~/.zshrc
  keydesk completions fish > ~/.config/fish/completions/keydesk.fish";

pub(crate) const MAN: &str = "\
Examples:
  keydesk man ~/.local/share/man/man1                  then: man keydesk, man keydesk-keys-create
  keydesk man ./man1";

pub(crate) const CONFIG: &str = "\
Examples:
  keydesk config --default > ~/.config/keydesk/config.toml";
