//! Reading the PEM files that a domain names.

use std::fs;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

/// Certificates in the order of the file; at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let all = objects::<CertificateDer<'static>>(path)?;
    if all.is_empty() { Err(nothing(path, "CERTIFICATE")) } else { Ok(all) }
}

/// The certificates of all files of a folder; files that hold none are passed over.
pub(super) fn certificates_below(folder: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let cannot = |error: std::io::Error| format!("cannot read folder {}: {error}", folder.display());
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        paths.push(entry.map_err(cannot)?.path());
    }
    paths.sort();
    let mut all: Vec<CertificateDer<'static>> = Vec::new();
    for path in paths.iter().filter(|path| path.is_file()) {
        for certificate in objects(path).unwrap_or_default() {
            // The same file under the names that c_rehash made counts once.
            if !all.contains(&certificate) {
                all.push(certificate);
            }
        }
    }
    Ok(all)
}

/// Revocation lists; at least one.
pub(super) fn revocations(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let all = objects::<CertificateRevocationListDer<'static>>(path)?;
    if all.is_empty() { Err(nothing(path, "X509 CRL")) } else { Ok(all) }
}

/// The first private key.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let bytes = read(path)?;
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(_) if is_encrypted(&bytes) => Err(encrypted(path)),
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) if is_encrypted(&bytes) => Err(encrypted(path)),
        Err(pem::Error::NoItemsFound) => Err(nothing(path, "PRIVATE KEY")),
        Err(error) if is_encrypted(&bytes) => Err(format!("{} ({error})", encrypted(path))),
        Err(error) => Err(format!("{} is no PEM file: {error}", path.display())),
    }
}

/// Whether a key in it is encrypted: PKCS #8 says so in its label, OpenSSL's own form in a header (RFC 1421 §4.6.1.1).
fn is_encrypted(bytes: &[u8]) -> bool {
    let has = |words: &[u8]| bytes.windows(words.len()).any(|window| window == words);
    has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED")
}

fn encrypted(path: &Path) -> String {
    format!(
        "the key in {} is encrypted, and nobody is here to type its password; write it without: \
         openssl pkey -in {} -out KEY",
        path.display(),
        path.display()
    )
}

fn objects<T: PemObject>(path: &Path) -> Result<Vec<T>, String> {
    let bytes = read(path)?;
    T::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{} is no PEM file: {error}", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn nothing(path: &Path, section: &str) -> String {
    format!("{} holds no `BEGIN {section}`", path.display())
}
