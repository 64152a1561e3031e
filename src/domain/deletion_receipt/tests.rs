use chrono::DateTime;

use super::*;
use crate::domain::audit::Change;
use crate::domain::text::{Name, is_unsafe};

fn at(seconds: i64) -> Instant {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

/// A key with a hostile name that was used, deleted in second 100, and used again.
fn facts() -> DeletionFacts {
    let name = "Check\u{202e}out\n  \"digest\": é";
    let chain_start = ChainHash::genesis(b"identity");
    let head_before = ChainHead { number: 11, hash: ChainHash::genesis(b"before") };
    let entry = AuditEntry {
        number: 12,
        at: at(100),
        actor: UserId(3),
        actor_uid: 1000,
        action: AuditAction::KeyDeleted.as_str().into(),
        application: Some(ApplicationId(2)),
        key: Some("7Qm2x9KdPa".parse().unwrap()),
        user: None,
        changes: serde_json::to_string(&[Change::from("name", name)]).unwrap(),
        commitment: None,
    };
    let tombstone = Tombstone {
        id: "7Qm2x9KdPa".parse().unwrap(),
        name: Name::from_stored(name.into()),
        application: ApplicationId(2),
        prefix: "ik_live_7Qm2x9KdPa".into(),
        deleted: at(100),
        deleted_by: UserId(3),
        last_used: Some(at(99)),
        last_used_from: Some("10.0.0.4".into()),
        first_refused: Some(at(101)),
        first_refused_from: None,
    };
    DeletionFacts {
        head_after: ChainHead { number: 12, hash: entry.hash(&head_before.hash) },
        made: Made {
            at: at(200),
            keydesk: "1.2.3".into(),
            head: ChainHead { number: 15, hash: ChainHash::genesis(b"last") },
        },
        application: "Storefront".into(),
        accepted_since: 0,
        tombstone,
        entry,
        head_before,
        chain_start,
    }
}

fn receipt() -> DeletionReceipt {
    facts().into()
}

/// What contradicts a document with a changed part, whose digest is right.
fn found(change: impl FnOnce(&mut DeletionReceipt)) -> Vec<Contradiction> {
    let mut receipt = receipt();
    change(&mut receipt);
    receipt.digest = digest(&receipt.to_text());
    DeletionReceipt::read(receipt.to_text().as_bytes()).unwrap().contradictions
}

#[test]
fn a_document_reads_as_it_was_written_and_is_safe_to_print() {
    let text = receipt().to_text();
    assert_eq!(
        DeletionReceipt::read(text.as_bytes()),
        Ok(ReadReceipt { receipt: receipt(), contradictions: vec![] })
    );
    assert!(!text.lines().any(|line| line.chars().any(is_unsafe)), "{text}");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["key"]["deleted"], "2027-01-15T08:01:40Z");
    assert_eq!(document["last_accepted"]["from"], "10.0.0.4");
    assert_eq!(document["entry"]["commitment"], serde_json::Value::Null);
}

#[test]
fn the_digest_is_over_the_lines_before_it() {
    let text = receipt().to_text();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let body = lines[..lines.len() - 2].concat();
    let digest = ChainHash(Sha256::digest(body.as_bytes()).into());
    assert_eq!(lines[lines.len() - 2], format!("  \"digest\": \"{digest}\"\n"));
}

#[test]
fn every_flipped_bit_is_found() {
    let text = receipt().to_text();
    for (at, byte) in text.bytes().enumerate() {
        for bit in 0..8 {
            let mut changed = text.clone().into_bytes();
            changed[at] = byte ^ (1 << bit);
            let found = DeletionReceipt::read(&changed).map(|read| read.contradictions);
            assert_ne!(found, Ok(vec![]), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn removed_added_and_moved_bytes_are_found() {
    let text = receipt().to_text();
    for at in 0..text.len() {
        let (before, after) = (&text.as_bytes()[..at], &text.as_bytes()[at..]);
        for changed in [before.to_vec(), [before, &after[1..]].concat(), [before, b" ", after].concat()] {
            let found = DeletionReceipt::read(&changed).map(|read| read.contradictions);
            assert_ne!(found, Ok(vec![]), "byte {at}");
        }
    }
    let windows = text.replace('\n', "\r\n");
    let found = DeletionReceipt::read(windows.as_bytes()).unwrap().contradictions;
    assert_eq!(found, [Contradiction::Rewritten]);
}

#[test]
fn unknown_missing_and_repeated_fields_are_rejected() {
    let text = receipt().to_text();
    let number = "    \"number\": 12,\n";
    let changes = [
        text.replace(number, ""),
        text.replace(number, &format!("{number}{number}")),
        text.replace(number, &format!("{number}    \"more\": 1,\n")),
        text.replace(number, "    \"number\": \"12\",\n"),
        text.replace("2027-01-15T08:01:40Z", "yesterday"),
        String::new(),
        "{}".into(),
        "null".into(),
    ];
    for changed in changes {
        let read = DeletionReceipt::read(changed.as_bytes());
        assert!(matches!(read, Err(Contradiction::Unreadable { .. })), "{changed}: {read:?}");
    }
    // What JSON may leave out is not left out either.
    let shorter = text.replace("    \"user\": null,\n", "");
    let read = DeletionReceipt::read(shorter.as_bytes()).unwrap();
    assert!(read.contradictions.contains(&Contradiction::Rewritten), "{read:?}");
    let newer = text.replace(FORMAT, "keydesk deletion receipt 2");
    let read = DeletionReceipt::read(newer.as_bytes());
    assert_eq!(read, Err(Contradiction::UnknownFormat { format: "keydesk deletion receipt 2".into() }));
}

#[test]
fn every_field_of_the_entry_is_in_its_hash() {
    let changes: [fn(&mut LoggedDeletion); 10] = [
        |entry| entry.number = 13,
        |entry| entry.at = at(101),
        |entry| entry.actor = 4,
        |entry| entry.actor_uid = 0,
        |entry| entry.action = "key.created".into(),
        |entry| entry.application = None,
        |entry| entry.key = KeyId::PROBE,
        |entry| entry.user = Some(3),
        |entry| entry.changes.push(' '),
        |entry| entry.commitment = Some(Commitment([0; 32])),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let found = found(|receipt| change(&mut receipt.entry));
        assert!(found.contains(&Contradiction::EntryHash), "{number}: {found:?}");
    }
    let other = ChainHash::genesis(b"another");
    let heads: [fn(&mut DeletionReceipt) -> &mut ChainHead; 2] =
        [|receipt| &mut receipt.head_before, |receipt| &mut receipt.head_after];
    for head in heads {
        assert_eq!(found(|receipt| head(receipt).hash = other), [Contradiction::EntryHash]);
    }
}

#[test]
fn fields_that_must_match_are_compared() {
    let fields = |one, other| vec![Contradiction::Fields { one, other }];
    let other = "8Rn3y0LeQb".parse().unwrap();
    assert_eq!(found(|receipt| receipt.key.name.push('s')), fields("entry.changes", "key.name"));
    assert_eq!(found(|receipt| receipt.key.deleted_by = 1), fields("entry.actor", "key.deleted_by"));
    assert_eq!(found(|receipt| receipt.key.deleted = at(99)), fields("entry.at", "key.deleted"));
    assert_eq!(found(|receipt| receipt.key.prefix.push('x')), fields("key.prefix", "key.id"));
    let both = [fields("entry.key", "key.id"), fields("key.prefix", "key.id")].concat();
    assert_eq!(found(|receipt| receipt.key.id = other), both);
    assert_eq!(found(|receipt| receipt.head_before.number = 10), fields("head_before", "entry.number"));
    assert_eq!(found(|receipt| receipt.head_after.number = 13), fields("head_after", "entry.number"));
    assert_eq!(found(|receipt| receipt.made.head.number = 11), fields("made.head", "head_after"));
    assert_eq!(found(|receipt| receipt.made.head.number = 12), fields("made.head", "head_after"));
    let start = fields("head_before", "chain_start");
    assert!(found(|receipt| receipt.head_before.number = 0).ends_with(&start));
}

#[test]
fn times_must_be_in_order_and_no_request_accepted_after_the_deletion() {
    let order = |earlier, later| Contradiction::Order { earlier, later };
    assert_eq!(
        found(|receipt| receipt.made.at = at(98)),
        [
            order("key.deleted", "made.at"),
            order("last_accepted.at", "made.at"),
            order("first_rejected.at", "made.at")
        ]
    );
    let rejected = Some(RecordedUse { at: at(99), from: None });
    assert_eq!(
        found(|receipt| receipt.first_rejected = rejected),
        [order("key.deleted", "first_rejected.at")]
    );
    let later = |receipt: &mut DeletionReceipt| {
        receipt.last_accepted = Some(RecordedUse { at: at(101), from: None });
    };
    let unmatched = Contradiction::Fields { one: "last_accepted", other: "accepted_since" };
    let accepted = Contradiction::Accepted { requests: 2 };
    assert_eq!(found(later), std::slice::from_ref(&unmatched));
    assert_eq!(found(|receipt| receipt.accepted_since = 2), [unmatched, accepted.clone()]);
    let both = found(|receipt| {
        later(receipt);
        receipt.accepted_since = 2;
    });
    assert_eq!(both, [accepted]);
    // A use in the same second is not after the deletion, and a key need not have been used at all.
    let same = Some(RecordedUse { at: at(100), from: None });
    assert_eq!(found(|receipt| receipt.last_accepted = same), []);
    assert_eq!(found(|receipt| (receipt.last_accepted, receipt.first_rejected) = (None, None)), []);
}
