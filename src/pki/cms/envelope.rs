//! Envelopes: content encrypted to the RSA key of a certificate (EnvelopedData, RFC 5652 §6).

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use aws_lc_rs::rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey};
use zeroize::Zeroizing;

use super::types::{EnvelopedData, Fit, Recipient, fit, identifier, octets, unwrap, wrap};
use super::{CmsError, Signer};
use crate::pki::asn1::{
    Algorithm, AnyRef, Malformed, OctetStringRef, Oid, Raw, Seq, Set, Tag, Tagged as _, algorithm_null, decode, element, encode, oid,
};
use crate::pki::ber;
use crate::pki::certificate::Certificate;
use crate::pki::cipher::Cipher;

/// What is accepted when an envelope is opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct DecryptOptions {
    /// Whether single DES is accepted: only for old SCEP clients, and only where a setting says so.
    pub allow_single_des: bool,
}

/// What an envelope held.
#[derive(Debug)]
pub struct Decrypted {
    /// The content.
    pub content: Zeroizing<Vec<u8>>,
    /// The cipher it was encrypted with.
    pub cipher: Cipher,
}

/// The tag of encrypted content in one piece, and of the same in segments.
const CONTENT: u8 = 0x80;
const SEGMENTED_CONTENT: u8 = 0xa0;

/// Opens an envelope that is addressed to `recipient`.
///
/// A content key that does not unwrap is replaced by a random one, so that nobody learns from the failure whether its padding was right.
/// Callers must answer every failure from here on alike.
pub fn decrypt(recipient: &Signer, message: &[u8], options: DecryptOptions) -> Result<Decrypted, CmsError> {
    let der = ber::to_der(message)?;
    let envelope: EnvelopedData<'_> = unwrap(&der, oid::ENVELOPED_DATA)?.ok_or(CmsError::WrongKind { expected: "encrypted" })?;
    let info = choose_recipient(envelope.recipients, recipient.certificate()).ok_or(CmsError::NoRecipient)?;
    if info.algorithm.oid != oid::RSA_ENCRYPTION {
        return Err(CmsError::Unsupported(info.algorithm.oid.to_string()));
    }
    let content = EncryptedContent::read(envelope.content)?;
    if content.cipher == Cipher::DesCbc && !options.allow_single_des {
        return Err(CmsError::SingleDes);
    }
    let key = unwrap_key(recipient, info.key.as_bytes(), content.cipher.key_size())?;
    let plain = content.cipher.decrypt(&key, content.iv, &content.data)?;
    Ok(Decrypted { content: plain, cipher: content.cipher })
}

/// The recipient that names `certificate` best.
fn choose_recipient<'a>(recipients: Set<'a>, certificate: &Certificate) -> Option<Recipient<'a>> {
    /// Most recipients that are looked at; a message to a server has one.
    const MAX_RECIPIENTS: usize = 16;
    let recipients = recipients.items().take(MAX_RECIPIENTS).filter_map(|item| decode::<Recipient<'a>>(item, "recipient").ok());
    let best = recipients.max_by_key(|recipient| fit(recipient.id, certificate))?;
    (fit(best.id, certificate) > Fit::None).then_some(best)
}

/// Decrypts the content key, or makes up one of the right length.
fn unwrap_key(recipient: &Signer, encrypted: &[u8], size: usize) -> Result<Zeroizing<Vec<u8>>, CmsError> {
    let not_rsa = || CmsError::Key(t!("only an RSA key opens envelopes").to_owned());
    let decrypting = recipient.key().decrypting().ok_or_else(not_rsa)?;
    let mut key = Zeroizing::new(vec![0; size]);
    SystemRandom::new().fill(&mut key).map_err(|_| CmsError::Undecryptable)?;
    let mut buffer = Zeroizing::new(vec![0; decrypting.min_output_size()]);
    if let Ok(opened) = decrypting.decrypt(encrypted, &mut buffer)
        && opened.len() == size
    {
        key.copy_from_slice(opened);
    }
    Ok(key)
}

/// EncryptedContentInfo.
struct EncryptedContent<'a> {
    cipher: Cipher,
    iv: &'a [u8],
    data: Vec<u8>,
}

impl<'a> EncryptedContent<'a> {
    fn read(content: Seq<'a>) -> Result<Self, CmsError> {
        let mut items = content.items();
        let mut next = || items.next().ok_or(CmsError::Malformed);
        decode::<Oid>(next()?, "message")?;
        let algorithm: Algorithm<'a> = decode(next()?, "message")?;
        let cipher = Cipher::from_oid(algorithm.oid).ok_or_else(|| CmsError::Unsupported(algorithm.oid.to_string()))?;
        let iv = algorithm.parameters.filter(|iv| iv.tag() == Tag::OctetString).ok_or(CmsError::Malformed)?.value();
        Ok(Self { cipher, iv, data: Self::data(next()?)? })
    }

    /// The ciphertext, in one piece or in the segments of a streaming writer.
    fn data(item: &[u8]) -> Result<Vec<u8>, CmsError> {
        let value = decode::<AnyRef<'_>>(item, "message")?.value();
        match item.first() {
            Some(&CONTENT) => Ok(value.to_vec()),
            Some(&SEGMENTED_CONTENT) => {
                let segments = Seq(value).items().map(|segment| decode::<&OctetStringRef>(segment, "message"));
                let segments: Result<Vec<_>, Malformed> = segments.collect();
                Ok(segments?.iter().flat_map(|segment| segment.as_bytes()).copied().collect())
            }
            _ => Err(CmsError::Malformed),
        }
    }
}

/// Encrypts `content` to the holder of `certificate`, whose key must be RSA.
pub fn encrypt(certificate: &Certificate, content: &[u8], cipher: Cipher) -> Result<Vec<u8>, CmsError> {
    let mut key = Zeroizing::new(vec![0; cipher.key_size()]);
    SystemRandom::new().fill(&mut key).map_err(|_| CmsError::Key(t!("no randomness").to_owned()))?;
    let wrapped = wrap_key(certificate, &key)?;
    let (iv, data) = cipher.encrypt(&key, content)?;

    let recipient = Recipient {
        version: 0,
        id: Raw(&identifier(certificate)?),
        algorithm: algorithm_null(oid::RSA_ENCRYPTION),
        key: OctetStringRef::new(&wrapped).map_err(|_| CmsError::Malformed)?,
    };
    let recipients = encode(&recipient)?;
    let iv = octets(&iv)?;
    let algorithm = Algorithm { oid: cipher.oid(), parameters: Some(decode(&iv, t!("message that was to be written"))?) };
    let mut data = element(Tag::OctetString, &data)?;
    // The encrypted content stands under the implicit tag [0].
    data[0] = CONTENT;
    let content = [encode(&oid::DATA)?, encode(&algorithm)?, data].concat();
    let envelope = EnvelopedData { version: 0, originator: None, recipients: Set(&recipients), content: Seq(&content), unprotected: None };
    Ok(wrap(oid::ENVELOPED_DATA, &envelope)?)
}

/// Encrypts a content key to the RSA key of `certificate` (PKCS#1 v1.5, the only padding that SCEP clients open).
fn wrap_key(certificate: &Certificate, key: &[u8]) -> Result<Vec<u8>, CmsError> {
    let unusable = || CmsError::Key(t!("nothing can be encrypted to a {key_kind} key: SCEP needs RSA", key_kind = certificate.key_kind()));
    let public = PublicEncryptingKey::from_der(certificate.public_key_der()).map_err(|_| unusable())?;
    let public = Pkcs1PublicEncryptingKey::new(public).map_err(|_| unusable())?;
    let mut wrapped = vec![0; public.ciphertext_size()];
    let length = public.encrypt(key, &mut wrapped).map_err(|_| unusable())?.len();
    wrapped.truncate(length);
    Ok(wrapped)
}
