//! The units of `assets/`, as systemd itself judges them.

use std::process::Command;

use crate::support::have;

#[test]
fn the_units_are_valid_and_hardened() {
    if !have("systemd-analyze") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_keydesk");
    let units = [
        "keydesk.service",
        "keydesk.socket",
        "keydesk-gateway.service",
        "keydesk-gateway.socket",
        "keydesk-check.service",
        "keydesk-check.timer",
        "keydesk-tunnel.service",
    ];
    for unit in units {
        let text =
            std::fs::read_to_string(format!("{}/assets/systemd/{unit}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let text = text.replace("/usr/local/bin/keydesk", program);
        std::fs::write(folder.path().join(unit), text).unwrap();
    }
    let said = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .args(units.map(|unit| folder.path().join(unit)))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stderr), "", "nothing to complain of");
    assert!(said.status.success());
    for service in
        ["keydesk.service", "keydesk-gateway.service", "keydesk-check.service", "keydesk-tunnel.service"]
    {
        // 10 is wide open; what systemd calls "OK" begins below 5.
        let said = Command::new("systemd-analyze")
            .args(["security", "--offline=yes", "--threshold=15", "--no-pager"])
            .arg(folder.path().join(service))
            .output()
            .unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    }
}
