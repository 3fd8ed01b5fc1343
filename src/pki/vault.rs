//! The lock of a backup: encrypted in pieces, each of them authenticated, for a passphrase or for keys.
//!
//! The form is age's (<https://age-encryption.org/v1>), so that `age` and every program that reads its files can open a backup too.

use std::fmt;
use std::io::{self, Read, Write};
use std::iter::once;

use age::secrecy::{ExposeSecret as _, SecretString};
use age::{DecryptError, Decryptor, Encryptor, scrypt, x25519};

use crate::error::{self, Kind};
use crate::secret::Secret;

/// Shortest passphrase, in characters: a backup can be tried offline, for years.
pub const PASSPHRASE_MIN: usize = 12;

/// Longest passphrase, in characters.
pub const PASSPHRASE_MAX: usize = 1000;

/// How costly it is to try a passphrase, as a power of two: half a second and 256 MiB of memory.
const WORK: u8 = if cfg!(test) { 10 } else { 18 };

/// The most costly passphrase that is tried for a file that somebody sends.
const WORK_MAX: u8 = 20;

/// What every recovery key begins with.
const KEY_PREFIX: &str = "AGE-SECRET-KEY-";

/// Why a backup was not locked or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The file is none of age's.
    #[error("This is not a backup of Rollcall, or its beginning is missing.")]
    NotABackup,
    /// The passphrase or key is another one.
    #[error("The {0} does not open this backup. Look which one belongs to it.")]
    WrongKey(&'static str),
    /// A recovery key was given and the file wants a passphrase.
    #[error("This backup was made with a passphrase, not for a recovery key: give the passphrase.")]
    WantsPassphrase,
    /// A passphrase was given and the file wants a key.
    #[error("This backup was made for a recovery key, not with a passphrase: give the key that begins with {KEY_PREFIX}.")]
    WantsKey,
    /// What was given is no recovery key.
    #[error("This is not a whole recovery key. It begins with {KEY_PREFIX}1 and has 74 characters.")]
    NotAKey,
    /// A stored public key cannot be read.
    #[error("The public part of the recovery key is damaged: make a new recovery key.")]
    NotAPublicKey,
    /// The passphrase is too short or too long.
    #[error("Take a passphrase of {PASSPHRASE_MIN} characters or more; four words are easy to keep.")]
    Passphrase,
    /// Bytes of it are not those that were written.
    #[error("The backup is damaged, or cut short: something in it is not as it was written. Take another copy of it, or an older one.")]
    Damaged,
    /// The file cannot be read or written.
    #[error("The backup cannot be read or written: {0}.")]
    Io(#[from] io::Error),
    /// The crypto library could not encrypt.
    #[error("The cryptographic library could not encrypt.")]
    Library,
}

impl From<VaultError> for error::Error {
    fn from(error: VaultError) -> Self {
        let kind = match error {
            VaultError::Io(_) | VaultError::Library | VaultError::NotAPublicKey => Kind::Internal,
            _ => Kind::BadInput,
        };
        Self::new(kind, error.to_string()).caused_by(error)
    }
}

/// The key that opens backups: kept by a person, never by the appliance.
pub struct RecoveryKey(x25519::Identity);

impl RecoveryKey {
    /// Makes a new one.
    pub fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    /// Reads one as a person typed it; case and white space at the ends do not count.
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        text.trim().to_ascii_uppercase().parse().map(Self).map_err(|_| VaultError::NotAKey)
    }

    /// The key as text, to be kept.
    pub fn text(&self) -> Secret<String> {
        Secret::new(self.0.to_string().expose_secret().to_owned())
    }

    /// Its public part, which locks and opens nothing.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.to_public())
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryKey(••••••)")
    }
}

/// The public part of a recovery key, `age1…`.
#[derive(Debug, Clone)]
pub struct PublicKey(x25519::Recipient);

impl PublicKey {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        text.parse().map(Self).map_err(|_| VaultError::NotAPublicKey)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who is to be able to open a backup.
#[derive(Debug, Clone)]
pub enum Lock {
    /// Whoever knows a passphrase.
    Passphrase(Secret<String>),
    /// Whoever has one of these keys.
    Keys(Vec<PublicKey>),
}

impl Lock {
    /// A lock for a passphrase that a person chose.
    pub fn passphrase(passphrase: Secret<String>) -> Result<Self, VaultError> {
        let length = passphrase.expose().chars().count();
        if (PASSPHRASE_MIN..=PASSPHRASE_MAX).contains(&length) { Ok(Self::Passphrase(passphrase)) } else { Err(VaultError::Passphrase) }
    }

    /// What encrypts into `out`; [`Locked::finish`] must be called when all is written.
    pub fn over<W: Write>(&self, out: W) -> Result<Locked<W>, VaultError> {
        let encryptor = match self {
            Self::Passphrase(passphrase) => {
                let mut recipient = scrypt::Recipient::new(SecretString::from(passphrase.expose().clone()));
                recipient.set_work_factor(WORK);
                Encryptor::with_recipients(once(&recipient as &dyn age::Recipient))
            }
            Self::Keys(keys) => Encryptor::with_recipients(keys.iter().map(|key| &key.0 as &dyn age::Recipient)),
        };
        let encryptor = encryptor.map_err(|_| VaultError::Library)?;
        Ok(Locked(encryptor.wrap_output(out)?))
    }
}

/// Encrypts what is written to it.
pub struct Locked<W: Write>(age::stream::StreamWriter<W>);

impl<W: Write> Locked<W> {
    /// Writes the end, without which nobody can open what was written.
    pub fn finish(self) -> io::Result<W> {
        self.0.finish()
    }
}

impl<W: Write> Write for Locked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What a backup is opened with.
#[derive(Debug)]
pub enum Key {
    /// A passphrase.
    Passphrase(Secret<String>),
    /// A recovery key.
    Recovery(RecoveryKey),
}

impl Key {
    /// Reads what a person typed: a recovery key by its beginning, else a passphrase.
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        let typed = text.trim();
        let looks_like_key = typed.get(..KEY_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(KEY_PREFIX));
        if looks_like_key { RecoveryKey::parse(typed).map(Self::Recovery) } else { Ok(Self::Passphrase(Secret::new(text.to_owned()))) }
    }

    /// What decrypts `input`. What it gives is as it was written, or reading fails; only its end says that nothing is missing.
    pub fn open<R: Read>(&self, input: R) -> Result<Unlocked<R>, VaultError> {
        let decryptor = Decryptor::new(input).map_err(|error| refused(error, self))?;
        match (self, decryptor.is_scrypt()) {
            (Self::Passphrase(_), false) => return Err(VaultError::WantsKey),
            (Self::Recovery(_), true) => return Err(VaultError::WantsPassphrase),
            _ => {}
        }
        let opened = match self {
            Self::Passphrase(passphrase) => {
                let mut identity = scrypt::Identity::new(SecretString::from(passphrase.expose().clone()));
                identity.set_max_work_factor(WORK_MAX);
                decryptor.decrypt(once(&identity as &dyn age::Identity))
            }
            Self::Recovery(key) => decryptor.decrypt(once(&key.0 as &dyn age::Identity)),
        };
        opened.map(Unlocked).map_err(|error| refused(error, self))
    }

    fn words(&self) -> &'static str {
        match self {
            Self::Passphrase(_) => t!("passphrase"),
            Self::Recovery(_) => t!("recovery key"),
        }
    }
}

fn refused(error: DecryptError, key: &Key) -> VaultError {
    match error {
        DecryptError::NoMatchingKeys | DecryptError::KeyDecryptionFailed | DecryptError::DecryptionFailed => {
            VaultError::WrongKey(key.words())
        }
        DecryptError::InvalidMac => VaultError::Damaged,
        DecryptError::Io(error) if !matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData) => {
            VaultError::Io(error)
        }
        _ => VaultError::NotABackup,
    }
}

/// Decrypts what is read from it.
pub struct Unlocked<R: Read>(age::stream::StreamReader<R>);

impl<R: Read> Read for Unlocked<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::mutations;

    fn locked(lock: &Lock, plain: &[u8]) -> Vec<u8> {
        let mut locked = lock.over(Vec::new()).unwrap();
        locked.write_all(plain).unwrap();
        locked.finish().unwrap()
    }

    fn opened(key: &Key, file: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut plain = Vec::new();
        key.open(file)?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    fn phrase(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_passphrase_opens_what_it_locked_and_no_other_does() {
        let file = locked(&Lock::passphrase(phrase("correct horse battery")).unwrap(), b"plain");
        assert!(file.starts_with(b"age-encryption.org/v1\n-> scrypt "));
        assert_eq!(opened(&Key::parse("correct horse battery").unwrap(), &file).unwrap(), b"plain");
        let wrong = opened(&Key::parse("correct horse batteries").unwrap(), &file).unwrap_err();
        assert!(matches!(wrong, VaultError::WrongKey("passphrase")), "{wrong}");
        let key = Key::Recovery(RecoveryKey::generate());
        assert!(matches!(opened(&key, &file).unwrap_err(), VaultError::WantsPassphrase));
    }

    #[test]
    fn each_of_the_keys_opens_what_was_locked_for_all_and_no_other_does() {
        let (first, second) = (RecoveryKey::generate(), RecoveryKey::generate());
        let file = locked(&Lock::Keys(vec![first.public(), PublicKey::parse(&second.public().to_string()).unwrap()]), b"plain");
        for key in [&first, &second] {
            let typed = format!(" {}\n", key.text().expose().to_lowercase());
            assert_eq!(opened(&Key::parse(&typed).unwrap(), &file).unwrap(), b"plain");
        }
        let wrong = opened(&Key::Recovery(RecoveryKey::generate()), &file).unwrap_err();
        assert!(matches!(wrong, VaultError::WrongKey("recovery key")), "{wrong}");
        assert!(matches!(opened(&Key::parse("a passphrase").unwrap(), &file).unwrap_err(), VaultError::WantsKey));
    }

    #[test]
    fn a_damaged_or_shortened_file_never_gives_what_was_not_written() {
        let key = RecoveryKey::generate();
        let plain = vec![7; 200_000];
        let file = locked(&Lock::Keys(vec![key.public()]), &plain);
        let key = Key::Recovery(key);
        for damaged in mutations(&file) {
            assert!(opened(&key, &damaged).is_err());
        }
        assert!(matches!(opened(&key, b"PK\x03\x04 something else").unwrap_err(), VaultError::NotABackup));
        assert!(matches!(opened(&key, b"").unwrap_err(), VaultError::NotABackup));
    }

    #[test]
    fn a_passphrase_that_is_guessed_too_soon_and_a_key_with_a_slip_are_refused() {
        assert!(matches!(Lock::passphrase(phrase("eleven char")).unwrap_err(), VaultError::Passphrase));
        Lock::passphrase(phrase("twelve chars")).unwrap();
        Lock::passphrase(phrase(&"x".repeat(PASSPHRASE_MAX))).unwrap();
        assert!(Lock::passphrase(phrase(&"x".repeat(PASSPHRASE_MAX + 1))).is_err());
        let text = RecoveryKey::generate().text().expose().clone();
        let slip = if text.ends_with('Q') { 'P' } else { 'Q' };
        let slipped = format!("{}{slip}", &text[..text.len() - 1]);
        assert!(matches!(Key::parse(&slipped).unwrap_err(), VaultError::NotAKey));
        assert_eq!(text.len(), 74);
    }

    #[test]
    fn keys_and_what_is_locked_never_show() {
        let key = RecoveryKey::generate();
        let shown = format!("{:?} {:?}", Lock::Passphrase(phrase("open sesame")), Key::Recovery(key));
        assert!(!shown.contains("sesame") && !shown.contains("AGE-SECRET"), "{shown}");
    }
}
