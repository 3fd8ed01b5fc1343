//! What is proven: certificates, signatures, envelopes, seals; pure functions over bytes.
