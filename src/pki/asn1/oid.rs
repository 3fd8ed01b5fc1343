//! The object identifiers that certificates, requests, envelopes and SCEP use, by the names their standards give them.

use super::Oid;

/// Names constants of object identifiers.
macro_rules! oids {
    ($($name:ident = $dotted:literal;)*) => { $(pub(crate) const $name: Oid = Oid::new_unwrap($dotted);)* };
}

// Digests.
oids! {
    SHA1 = "1.3.14.3.2.26";
    SHA256 = "2.16.840.1.101.3.4.2.1";
    SHA384 = "2.16.840.1.101.3.4.2.2";
    SHA512 = "2.16.840.1.101.3.4.2.3";
}

// Keys and signatures.
oids! {
    RSA_ENCRYPTION = "1.2.840.113549.1.1.1";
    RSA_SHA1 = "1.2.840.113549.1.1.5";
    RSA_SHA1_OIW = "1.3.14.3.2.29";
    RSA_PSS = "1.2.840.113549.1.1.10";
    RSA_SHA256 = "1.2.840.113549.1.1.11";
    RSA_SHA384 = "1.2.840.113549.1.1.12";
    RSA_SHA512 = "1.2.840.113549.1.1.13";
    EC_PUBLIC_KEY = "1.2.840.10045.2.1";
    ECDSA_SHA1 = "1.2.840.10045.4.1";
    ECDSA_SHA256 = "1.2.840.10045.4.3.2";
    ECDSA_SHA384 = "1.2.840.10045.4.3.3";
    ECDSA_SHA512 = "1.2.840.10045.4.3.4";
    P256 = "1.2.840.10045.3.1.7";
    P384 = "1.3.132.0.34";
    MGF1 = "1.2.840.113549.1.1.8";
}

// Ciphers and password-based encryption.
oids! {
    AES128_CBC = "2.16.840.1.101.3.4.1.2";
    AES192_CBC = "2.16.840.1.101.3.4.1.22";
    AES256_CBC = "2.16.840.1.101.3.4.1.42";
    DES_EDE3_CBC = "1.2.840.113549.3.7";
    DES_CBC = "1.3.14.3.2.7";
    PBES2 = "1.2.840.113549.1.5.13";
    PBKDF2 = "1.2.840.113549.1.5.12";
    HMAC_SHA1 = "1.2.840.113549.2.7";
    HMAC_SHA256 = "1.2.840.113549.2.9";
    HMAC_SHA384 = "1.2.840.113549.2.10";
    HMAC_SHA512 = "1.2.840.113549.2.11";
}

// CMS (RFC 5652) and PKCS#9.
oids! {
    DATA = "1.2.840.113549.1.7.1";
    SIGNED_DATA = "1.2.840.113549.1.7.2";
    ENVELOPED_DATA = "1.2.840.113549.1.7.3";
    CONTENT_TYPE = "1.2.840.113549.1.9.3";
    MESSAGE_DIGEST = "1.2.840.113549.1.9.4";
    SIGNING_TIME = "1.2.840.113549.1.9.5";
    CHALLENGE_PASSWORD = "1.2.840.113549.1.9.7";
    EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
}

// SCEP (RFC 8894 §3.2.1).
oids! {
    SCEP_MESSAGE_TYPE = "2.16.840.1.113733.1.9.2";
    SCEP_PKI_STATUS = "2.16.840.1.113733.1.9.3";
    SCEP_FAIL_INFO = "2.16.840.1.113733.1.9.4";
    SCEP_SENDER_NONCE = "2.16.840.1.113733.1.9.5";
    SCEP_RECIPIENT_NONCE = "2.16.840.1.113733.1.9.6";
    SCEP_TRANSACTION_ID = "2.16.840.1.113733.1.9.7";
}

// Certificate extensions (RFC 5280 §4.2) and key purposes.
oids! {
    SUBJECT_KEY_IDENTIFIER = "2.5.29.14";
    KEY_USAGE = "2.5.29.15";
    SUBJECT_ALT_NAME = "2.5.29.17";
    BASIC_CONSTRAINTS = "2.5.29.19";
    AUTHORITY_KEY_IDENTIFIER = "2.5.29.35";
    EXTENDED_KEY_USAGE = "2.5.29.37";
    SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
    CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
}

// Marks in the certificates that sign apps, and an attribute of such signatures (Apple, Worldwide Developer Relations certification practice statement).
oids! {
    APPLE_DEVELOPMENT = "1.2.840.113635.100.6.1.2";
    APPLE_APP_STORE = "1.2.840.113635.100.6.1.3";
    APPLE_DISTRIBUTION = "1.2.840.113635.100.6.1.4";
    APPLE_CODE_DIRECTORIES = "1.2.840.113635.100.9.1";
}

// Name attributes (RFC 4519).
oids! {
    COMMON_NAME = "2.5.4.3";
    SERIAL_NUMBER = "2.5.4.5";
    COUNTRY = "2.5.4.6";
    LOCALITY = "2.5.4.7";
    STATE = "2.5.4.8";
    STREET = "2.5.4.9";
    ORGANIZATION = "2.5.4.10";
    ORGANIZATIONAL_UNIT = "2.5.4.11";
    USER_ID = "0.9.2342.19200300.100.1.1";
    DOMAIN_COMPONENT = "0.9.2342.19200300.100.1.25";
    EMAIL_ADDRESS = "1.2.840.113549.1.9.1";
}
