//! What the clients of all servers of this test process need: the certificate to trust and the passwords.

use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::support::keeper::Keeper;
use crate::support::postgres::programs;

/// One for the whole process, so that a client can follow from one server to another.
pub struct Access {
    folder: PathBuf,
    authority: Issuer<'static, KeyPair>,
    pub(super) password: String,
    _keeper: Keeper,
}

/// A certificate with its private key, both in PEM.
pub struct Certificate {
    pub chain: String,
    pub key: String,
}

impl Access {
    pub fn get() -> &'static Self {
        static ACCESS: OnceLock<Access> = OnceLock::new();
        ACCESS.get_or_init(Self::create)
    }

    fn create() -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().expect("a folder").keep();
        let keeper = Keeper::of_folder(&folder);
        programs::set_mode(&folder, 0o711);
        let (issuer, text) = authority("Authority of the tests");
        let (_, other) = authority("Authority of others");
        for (name, text) in [("ca.crt", text), ("other-ca.crt", other)] {
            std::fs::write(folder.join(name), text).expect("a file");
            programs::set_mode(&folder.join(name), 0o644);
        }
        let password = random();
        std::fs::write(folder.join("passwords"), format!("*:*:*:*:{password}\n")).expect("a file");
        programs::set_mode(&folder.join("passwords"), 0o600);
        Self { folder, authority: issuer, password, _keeper: keeper }
    }

    /// For `sslrootcert`.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    /// The certificate of an authority that signed no server's.
    pub fn other_authority(&self) -> PathBuf {
        self.folder.join("other-ca.crt")
    }

    /// For `PGPASSFILE`: the one password that all roles have. It belongs to the present user.
    pub fn pass_file(&self) -> PathBuf {
        self.folder.join("passwords")
    }

    /// A certificate of a server for localhost, 127.0.0.1 and these addresses.
    pub fn certificate(&self, addresses: &[IpAddr]) -> Certificate {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        names.extend(addresses.iter().filter(|address| !address.is_loopback()).map(IpAddr::to_string));
        let mut params = params(names, "Server of the tests");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.authority).expect("a certificate");
        Certificate { chain: certificate.pem(), key: key.serialize_pem() }
    }
}

fn params(names: Vec<String>, common_name: &str) -> CertificateParams {
    // By default a certificate is valid from 1975 to 4096.
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

fn authority(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let mut params = params(Vec::new(), name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().expect("a key");
    let text = params.self_signed(&key).expect("a certificate").pem();
    (Issuer::new(params, key), text)
}

fn random() -> String {
    let mut bytes = [0; 16];
    let mut source = std::fs::File::open("/dev/urandom").expect("random bytes");
    source.read_exact(&mut bytes).expect("random bytes");
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// A path in a connection string: the temporary folders have none of the characters that would be escaped.
pub(super) fn in_url(path: &Path) -> &str {
    let text = path.to_str().expect("a path of text");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    assert!(text.bytes().all(plain), "{text} would have to be escaped");
    text
}
