"""A device that Python plays: certbot's ACME client, attestations by `cryptography` and `cbor2`, certificates judged by openssl."""

import base64
import datetime
import hashlib
import json
import pathlib
import plistlib
import subprocess
import sys

import cbor2
import josepy
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

APPLE = "1.2.840.113635.100.8."
DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.timezone.utc)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, key, issuer, issuer_key, is_authority, extensions=()):
    builder = x509.CertificateBuilder(name(issuer), name(subject), key, x509.random_serial_number(), NOW - DAY, NOW + 300 * DAY)
    builder = builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    for oid, value in extensions:
        builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(APPLE + oid), value), critical=False)
    return builder.sign(issuer_key, hashes.SHA384())


def make_vouchers(work):
    root_key, sub_key = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP384R1())
    root = certificate("Vouchers", root_key.public_key(), "Vouchers", root_key, True)
    sub = certificate("Vouchers, below", sub_key.public_key(), "Vouchers", root_key, True)
    pem = serialization.Encoding.PEM
    (work / "root.pem").write_bytes(root.public_bytes(pem))
    (work / "sub.pem").write_bytes(sub.public_bytes(pem))
    plain = serialization.NoEncryption()
    (work / "sub.key").write_bytes(sub_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))


class Raw(josepy.JSONDeSerializable):
    """JSON of our own for a library that knows other identifiers and challenges."""

    def __init__(self, value):
        self.value = value

    def to_partial_json(self):
        return self.value

    @classmethod
    def from_json(cls, value):
        return cls(value)


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Phone:
    def __init__(self, work, base, account_key, algorithm):
        from acme import client, messages

        self.work, self.messages = work, messages
        self.network = client.ClientNetwork(account_key, alg=algorithm, verify_ssl=str(work / "ca.pem"), user_agent="a foreign client")
        directory = messages.Directory.from_json(self.network.get(base + "/acme/directory").json())
        self.client = client.ClientV2(directory, self.network)
        self.registration = self.client.new_account(messages.NewRegistration.from_data(terms_of_service_agreed=True))
        self.key = ec.generate_private_key(ec.SECP256R1())

    def order(self, identifier):
        new_order = {"identifiers": [{"type": "permanent-identifier", "value": identifier}]}
        response = self.client._post(self.client.directory["newOrder"], Raw(new_order))
        assert response.status_code == 201, response.status_code
        return response.headers["Location"], response.json()

    def challenge(self, order):
        authorization = self.client._post_as_get(order["authorizations"][0]).json()
        return next(c for c in authorization["challenges"] if c["type"] == "device-attest-01")

    def attestation(self, code):
        sub_key = serialization.load_pem_private_key((self.work / "sub.key").read_bytes(), None)
        said = [("9.1", b"TESTSN0001"), ("9.2", b"00008140-000123456789001E"), ("10.2", b"26.1"), ("11.1", code)]
        leaf = certificate("a phone", self.key.public_key(), "Vouchers, below", sub_key, False, said)
        sub = x509.load_pem_x509_certificate((self.work / "sub.pem").read_bytes())
        der = serialization.Encoding.DER
        statement = {"x5c": [leaf.public_bytes(der), sub.public_bytes(der)]}
        return url64(cbor2.dumps({"fmt": "apple", "attStmt": statement, "authData": b"\0" * 37}))

    def answer(self, challenge, payload):
        return self.client._post(challenge["url"], Raw(payload)).json()

    def finalize(self, order, key):
        csr = x509.CertificateSigningRequestBuilder(name("a phone")).sign(key, hashes.SHA256())
        return self.client._post(order["finalize"], Raw({"csr": url64(csr.public_bytes(serialization.Encoding.DER))}))


checks = failures = 0


def expect(what, is_so, shown=""):
    global checks, failures
    checks += 1
    failures += not is_so
    print(f"  {'ok' if is_so else 'NOT OK'}: {what} {'' if is_so else shown}")


def fault(what, kind, deed):
    from acme import messages

    try:
        expect(what, False, deed())
    except messages.Error as error:
        expect(what, error.typ == "urn:ietf:params:acme:error:" + kind, error)


def other_key(phone, new, algorithm, address):
    """Has the account go on with another key: the library signs the consent, of which it knows nothing else."""
    from acme import jws

    url = phone.client.directory["keyChange"]
    said = {"account": phone.registration.uri, "oldKey": json.loads(phone.network.key.public_key().json_dumps())}
    consent = jws.JWS.sign(json.dumps(said).encode(), key=new, alg=algorithm, nonce=None, url=url)
    changed = phone.client._post(url, Raw(json.loads(consent.json_dumps())))
    expect("the account takes another key, and either kind", changed.status_code == 200 and changed.json()["status"] == "valid", changed.text)
    # The two keys are of different kinds, so that the old one's algorithm does not even fit.
    fault("its old key signs nothing of it any more", "badSignatureAlgorithm", lambda: phone.client._post_as_get(address))
    fault("and has no account", "accountDoesNotExist", lambda: phone.client.query_registration(phone.registration))
    phone.network.key, phone.network.alg = new, algorithm
    expect("with the new one it goes on", phone.client.query_registration(phone.registration).body.status == "valid")
    expect("and its orders are its own still", phone.client._post_as_get(address).json()["status"] == "valid")


def revoke(phone, leaf, work, by_its_key):
    """Has a certificate revoked: by the account that ordered it, or by who has its key."""
    from acme import client

    stranger = client.ClientNetwork(josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1())), alg=josepy.ES256, verify_ssl=str(work / "ca.pem"))
    own = client.ClientNetwork(josepy.JWKEC(key=phone.key), alg=josepy.ES256, verify_ssl=str(work / "ca.pem"))
    by = {True: client.ClientV2(phone.client.directory, own), False: phone.client}
    fault("nobody else revokes a certificate", "unauthorized", lambda: client.ClientV2(phone.client.directory, stranger).revoke(leaf, 1))
    fault("and not for what only an authority says", "badRevocationReason", lambda: by[by_its_key].revoke(leaf, 6))
    by[by_its_key].revoke(leaf, 1)
    expect(f"it is revoked {'by its key' if by_its_key else 'by its account'}", True)
    fault("once", "alreadyRevoked", lambda: by[not by_its_key].revoke(leaf, 1))


def play(work, base):
    identifiers = []
    for number in range(1, 5):
        profile = plistlib.load(open(work / f"profile{number}.plist", "rb"))
        payload = next(p for p in profile["PayloadContent"] if p["PayloadType"] == "com.apple.security.acme")
        expect("plistlib finds an ACME payload", payload["Attest"] is True and payload["HardwareBound"] is True and payload["KeySize"] == 256)
        expect("its directory is ours", payload["DirectoryURL"] == base + "/acme/directory", payload["DirectoryURL"])
        identifiers.append(payload["ClientIdentifier"])
    rsa_key = josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048))
    ec_key = josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
    for title, key, algorithm, identifier in (("ES256", ec_key, josepy.ES256, identifiers[0]), ("RS256", rsa_key, josepy.RS256, identifiers[1])):
        print(title)
        phone = Phone(work, base, key, algorithm)
        expect("an account is made", phone.registration.uri.startswith(base + "/acme/account/"))
        expect("and shown to its holder", phone.client.query_registration(phone.registration).body.status == "valid")
        address, order = phone.order(identifier)
        challenge = phone.challenge(order)
        expect("the challenge waits", challenge["status"] == "pending" and order["status"] == "pending")
        code = hashlib.sha256(challenge["token"].encode()).digest()
        met = phone.answer(challenge, {"attObj": phone.attestation(code)})
        expect("an attestation of cryptography's and cbor2's making is taken", met["status"] == "valid", met)
        expect("the order is ready", phone.client._post_as_get(address).json()["status"] == "ready")
        fault("another key gets nothing", "badCSR", lambda: phone.finalize(order, ec.generate_private_key(ec.SECP256R1())))
        done = phone.finalize(order, phone.key).json()
        expect("the attested key gets its certificate", done["status"] == "valid", done)
        chain = phone.client._post_as_get(done["certificate"])
        (work / "leaf.pem").write_text(chain.text)
        judged = subprocess.run(["openssl", "verify", "-CAfile", work / "ca.pem", "-purpose", "sslclient", work / "leaf.pem"], capture_output=True)
        expect("openssl verifies it for a TLS client", judged.returncode == 0, judged)
        leaf = x509.load_pem_x509_certificates(chain.content)[0]
        expect("it is for that key", leaf.public_key() == phone.key.public_key())
        fault("the identifier is good once", "rejectedIdentifier", lambda: phone.order(identifier))
        is_ec = algorithm is josepy.ES256
        new = josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048)) if is_ec else josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
        other_key(phone, new, josepy.RS256 if is_ec else josepy.ES256, address)
        revoke(phone, leaf, work, by_its_key=not is_ec)
    print("refusals")
    phone = Phone(work, base, josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1())), josepy.ES256)
    fault("an unknown identifier is refused", "rejectedIdentifier", lambda: phone.order("nobody's"))
    _, order = phone.order(identifiers[2])
    stale = phone.answer(phone.challenge(order), {"attObj": phone.attestation(b"\1" * 32)})
    expect("a stale attestation is refused", stale["status"] == "invalid" and stale["error"]["type"].endswith("badAttestationStatement"), stale)
    _, order = phone.order(identifiers[2])
    nothing = phone.answer(phone.challenge(order), {})
    expect("and none where one is required", nothing["status"] == "invalid", nothing)
    fault("such an order is not finalized", "orderNotReady", lambda: phone.finalize(order, phone.key))
    phone.network._nonces.clear()
    phone.network._nonces.add(b"not-a-nonce")
    _, order = phone.order(identifiers[3])
    expect("a nonce that is not ours is answered so that the client takes the next one", order["status"] == "pending")
    deactivated = phone.client.deactivate_registration(phone.registration)
    expect("an account is given up", json.loads(json.dumps(deactivated.body.status)) == "deactivated", deactivated)
    print(f"{checks - failures} of {checks} checks passed")
    return failures


if __name__ == "__main__":
    work = pathlib.Path(sys.argv[2])
    if sys.argv[1] == "vouchers":
        make_vouchers(work)
    else:
        sys.exit(1 if play(work, sys.argv[3]) else 0)
