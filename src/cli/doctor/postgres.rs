//! Judges the facts about a PostgreSQL server: what it promises, and what it does not.

use chrono::TimeDelta;

use crate::cli::checks::{Finding, Outcome};
use crate::domain::text::inert;
use crate::store::server_facts::{
    Beyond, Choice, ClockDifference, Commits, Excess, Protection, Role, RoleKind, ServerFacts, Standbys,
    SynchronousRule, TESTED_VERSIONS,
};

/// Clocks of servers that are synchronized differ by less.
const NOTED_DIFFERENCE: TimeDelta = TimeDelta::seconds(2);
const WRONG_DIFFERENCE: TimeDelta = TimeDelta::seconds(60);

const GRANT: &str = "Use a role with the rights that \"keydesk init --create-roles\" grants";

pub(super) fn check(facts: &ServerFacts) -> Vec<Finding> {
    vec![
        Finding::new("server", version(&facts.server, &facts.version, facts.major_version)),
        Finding::new("connection", protection(&facts.protection)),
        Finding::new("server clock", clock(facts.clock)),
        Finding::new("durability", durability(&facts.commits)),
        Finding::new("commits", commits(&facts.commits)),
        Finding::new("standby", standby(&facts.standbys)),
    ]
}

fn version(server: &str, version: &str, major: i64) -> Outcome {
    let what = format!("PostgreSQL {} at {}", inert(version), inert(server));
    let (oldest, newest) = (TESTED_VERSIONS.start(), TESTED_VERSIONS.end());
    if major > *newest {
        return Outcome::note(
            format!("{what}: this version of keydesk is tested with PostgreSQL {oldest} to {newest}"),
            "Look for a newer version of keydesk",
        );
    }
    Outcome::good(what)
}

fn protection(protection: &Protection) -> Outcome {
    match protection {
        Protection::Local => Outcome::good("without TLS, within this machine"),
        Protection::Verified { version } => {
            Outcome::good(format!("{}, certificate verified", inert(version)))
        }
        Protection::VerifiedToProxy { beyond: Beyond::Local } => Outcome::good(
            "TLS to a pooler or proxy, certificate verified; it connects to the server within one machine",
        ),
        Protection::VerifiedToProxy { beyond: Beyond::NoTls } => Outcome::note(
            "TLS to a pooler or proxy, certificate verified; it connects to the server without TLS over the network",
            "Let it verify the certificate of the server: in pgbouncer.ini server_tls_sslmode = verify-full",
        ),
    }
}

fn clock(ClockDifference(difference): ClockDifference) -> Outcome {
    const HINT: &str =
        "Set the clock of this machine and that of the server, for example by NTP: timedatectl set-ntp true";
    let distance = difference.abs();
    let seconds = distance.num_seconds();
    let side = if difference < TimeDelta::zero() { "behind" } else { "ahead of" };
    let what =
        format!("at least {seconds} s {side} the clock of this machine; expiration follows the server");
    if distance > WRONG_DIFFERENCE {
        Outcome::fault(what, HINT)
    } else if distance > NOTED_DIFFERENCE {
        Outcome::note(what, HINT)
    } else {
        Outcome::good("the same as the clock of this machine, within 3 s")
    }
}

fn durability(commits: &Commits) -> Outcome {
    match commits.off.as_slice() {
        [] => Outcome::good("fsync and full_page_writes are on"),
        off => Outcome::fault(
            format!(
                "{} off: a crash of the server's machine can damage the database or lose deletions",
                and(off, "is", "are")
            ),
            format!("Set {} = on in postgresql.conf, then reload the configuration", off.join(" = on and ")),
        ),
    }
}

fn commits(commits: &Commits) -> Outcome {
    if commits.read_only {
        return Outcome::fault(
            "default_transaction_read_only is on: nothing can be changed",
            "Set default_transaction_read_only = off for this role, the database or the server",
        );
    }
    let (usual, in_changes) = (inert(&commits.usual), inert(&commits.in_changes));
    if !commits.changes_wait {
        return Outcome::fault(
            format!("synchronous_commit is {in_changes} and cannot be set to on: nothing can be changed"),
            "Find out what sets synchronous_commit for this role, the database or the pooler",
        );
    }
    Outcome::good(if usual == in_changes {
        format!("synchronous_commit is {in_changes}")
    } else {
        format!("synchronous_commit is {in_changes} for each change, and {usual} otherwise")
    })
}

fn standby(standbys: &Standbys) -> Outcome {
    const NAME_ONE: &str =
        "Set synchronous_standby_names to the name of a standby, then reload the configuration";
    let Some(rule) = &standbys.rule else {
        let connected: Vec<String> = standbys.connected.iter().map(|name| inert(name)).collect();
        let which = match connected.as_slice() {
            [] => String::new(),
            names => format!(" (asynchronous: {})", names.join(", ")),
        };
        return Outcome::note(
            format!(
                "no synchronous standby{which}: after a failover, keys deleted in the last moments may be valid again; \
                 the known head detects it"
            ),
            NAME_ONE,
        );
    };
    let waited_for: Vec<String> = standbys.waited_for().into_iter().map(inert).collect();
    if waited_for.len() < rule.number {
        return missing(rule, &waited_for);
    }
    let names: Vec<&str> = waited_for.iter().map(String::as_str).collect();
    let (which, where_to) = match (rule.choice, names.as_slice()) {
        (_, [name]) => ((*name).to_owned(), "it"),
        (Choice::First, names) => (and_all(names), "any of them"),
        (Choice::Any, names) if names.len() == rule.number => (and_all(names), "any of them"),
        (Choice::Any, names) => {
            (format!("{} of {}", rule.number, names.join(", ")), "the one that has received the most")
        }
    };
    Outcome::good(format!(
        "commits wait for {which} (synchronous); a deletion that was reported as done survives a failover to {where_to}"
    ))
}

/// Commits wait for standbys that are not there.
fn missing(rule: &SynchronousRule, connected: &[String]) -> Outcome {
    let names: Vec<String> = rule.names.iter().map(|name| inert(name)).collect();
    let which = match (names.as_slice(), rule.number) {
        ([name], 1) if name != "*" => name.clone(),
        (_, 1) => format!("a standby ({})", names.join(", ")),
        (_, number) => format!("{number} standbys ({})", names.join(", ")),
    };
    let there = match connected {
        [] => "none is connected".to_owned(),
        names => format!("only {} is connected", names.join(", ")),
    };
    Outcome::fault(
        format!("commits wait for {which}, but {there}: no change is reported as done"),
        "Start the standby, or change synchronous_standby_names and reload the configuration",
    )
}

pub(super) fn role(role: &Role) -> Outcome {
    let name = inert(&role.name);
    let rights = match role.kind {
        RoleKind::Administrator => format!("{name} has the rights of an administrator"),
        RoleKind::Reader => format!("{name} reads everything and changes nothing"),
        RoleKind::Gateway => {
            format!("{name} has the rights of a gateway: an administrator checks users and the audit log")
        }
        RoleKind::Other => {
            return Outcome::fault(
                format!("{name} has the rights of neither an administrator nor a gateway"),
                GRANT,
            );
        }
    };
    let more: Vec<&str> = if role.excess.contains(&Excess::Superuser) {
        vec!["is a superuser"]
    } else {
        role.excess.iter().map(|excess| described(*excess)).collect()
    };
    if more.is_empty() {
        return Outcome::good(rights);
    }
    Outcome::note(format!("{name} has more rights than it needs: it {}", and_all(&more)), GRANT)
}

fn described(excess: Excess) -> &'static str {
    match excess {
        Excess::Superuser => "is a superuser",
        Excess::CreatesRoles => "creates roles",
        Excess::OwnsTables => "owns the tables",
        Excess::CreatesTables => "creates objects in the schema public",
    }
}

/// `a is`, `a and b are`.
fn and(names: &[&str], one: &str, many: &str) -> String {
    format!("{} {}", and_all(names), if names.len() == 1 { one } else { many })
}

/// `a`, `a and b`, `a, b and c`.
fn and_all(names: &[&str]) -> String {
    match names {
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        names => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_newer_than_the_tested_ones_is_noted() {
        let line = |major| serde_json::to_value(version("db:5432", "19.1", major)).unwrap();
        assert!(line(18)["hint"].is_null());
        assert_eq!(
            (&line(19)["ok"], &line(19)["hint"]),
            (&true.into(), &"Look for a newer version of keydesk".into())
        );
    }

    #[test]
    fn a_weaker_synchronous_commit_that_stays_is_a_fault() {
        let found = commits(&Commits {
            off: Vec::new(),
            usual: "off".into(),
            in_changes: "local".into(),
            changes_wait: false,
            read_only: false,
        });
        let found = serde_json::to_value(found).unwrap();
        assert_eq!(found["ok"], false);
        let message = "synchronous_commit is local and cannot be set to on: nothing can be changed";
        assert_eq!(found["message"], message);
    }

    #[test]
    fn the_standbys_that_commits_wait_for_are_named() {
        let judged = |rule: SynchronousRule, synchronous: &[&str]| {
            let names: Vec<String> = synchronous.iter().map(ToString::to_string).collect();
            let found =
                standby(&Standbys { rule: Some(rule), connected: names.clone(), synchronous: Some(names) });
            serde_json::to_value(found).unwrap()
        };
        let rule = |choice, number| SynchronousRule { choice, number, names: vec!["a".into(), "b".into()] };
        for (choice, number, synchronous, ok, part) in [
            (Choice::First, 1, &["a"][..], true, "wait for a (synchronous)"),
            (Choice::First, 2, &["a", "b"], true, "wait for a and b (synchronous)"),
            (Choice::Any, 1, &["a", "b"], true, "wait for 1 of a, b (synchronous)"),
            (Choice::Any, 1, &["a", "b"], true, "a failover to the one that has received the most"),
            (Choice::First, 2, &["a"], false, "wait for 2 standbys (a, b), but only a is connected"),
            (Choice::Any, 1, &[], false, "wait for a standby (a, b), but none is connected"),
        ] {
            let found = judged(rule(choice, number), synchronous);
            assert_eq!(found["ok"], ok, "{found}");
            assert!(found["message"].as_str().unwrap().contains(part), "{found}");
        }
    }
}
