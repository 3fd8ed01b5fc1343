//! PKCS#12 files, as Keychain Access exports them, through the library that reads them.

use p12_keystore::Pkcs12Archive;
use p12_keystore::error::Error;

use crate::pki::ber;
use crate::pki::certificate::Certificate;
use crate::pki::key::{KeyError, PrivateKey};

/// What a PKCS#12 file holds.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) keys: Vec<PrivateKey>,
    pub(super) certificates: Vec<Certificate>,
}

/// Why a PKCS#12 file was not opened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The passphrase is not the right one.
    Passphrase,
    /// The file or what is in it is damaged.
    Damaged,
    /// The file or its key is of a kind that is not read.
    Unsupported(String),
}

/// Opens a PKCS#12 file, in DER or BER.
pub(super) fn open(file: &[u8], passphrase: &str) -> Result<Content, Failure> {
    let der = ber::to_der(file).map_err(|_| Failure::Damaged)?;
    let archive = Pkcs12Archive::from_pkcs12(&der, passphrase).map_err(failure)?;
    let keys = archive.keys.iter().map(|bag| PrivateKey::from_pkcs8_der(bag.key.as_der())).collect::<Result<_, _>>();
    let keys = keys.map_err(|error| match error {
        KeyError::Unsupported(why) => Failure::Unsupported(why),
        _ => Failure::Damaged,
    })?;
    let certificates = archive.certs.iter().map(|bag| Certificate::from_der(bag.cert.as_der())).collect::<Result<_, _>>();
    Ok(Content { keys, certificates: certificates.map_err(|_| Failure::Damaged)? })
}

fn failure(error: Error) -> Failure {
    match error {
        // Where there is no MAC, a wrong passphrase shows as wrong padding.
        Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_) => Failure::Passphrase,
        Error::UnsupportedEncryptionScheme | Error::UnsupportedMacAlgorithm | Error::UnsupportedContentType | Error::InvalidParameters => {
            Failure::Unsupported(
                "this PKCS#12 file is protected in a way that is not supported: export it again, or convert it with openssl pkcs12 -export"
                    .to_owned(),
            )
        }
        _ => Failure::Damaged,
    }
}
