// A client for Rollcall's app access (/docs/access on your server). Not compiled or run by Rollcall's own build:
// its twin, call by call, is src/sim/access.rs, and that one is tested against every way to cheat.
// Needs iOS 15 or later, CryptoKit and nothing else. Put `server` and `token` ($ACCESS_TOKEN) into the managed configuration.
import CryptoKit
import Foundation
import Security

struct Claims: Codable {
    let iss, bundle_id, installation, nonce, grant: String
    let sequence: Int
    let allowed, erase: Bool
    let code, reason: String
    let issued_at, expires_at, offline_until: Date
    let launches_left: Int?
    let clock_tolerance_s: Double
    let copies_until: Date?
}
/// What is kept where no backup reaches it.
struct Record: Codable {
    var installation = UUID().uuidString
    var counter = 0
    var grant: Claims?
    var launchesLeft: Int?
    var latest = Date.distantPast
}
enum Verdict { case open, closed(String), erase(String) }
enum Rejected: Error { case signature, anotherAsk, old }
final class RollcallAccess {
    let server: URL, bundleID: String
    private(set) var record: Record
    private var nonce = ""

    init(server: URL, bundleID: String = Bundle.main.bundleIdentifier ?? "") {
        (self.server, self.bundleID, record) = (server, bundleID, Keychain.load() ?? Record())
    }

    /// What to send: the counter is kept before it goes out. `proofs` are "token", "email" and "password".
    func ask(now: Date, nonce: String, proofs: [String: String]) throws -> Data {
        record.counter += 1
        try Keychain.save(record)
        self.nonce = nonce
        var said: [String: Any] = ["bundle_id": bundleID, "installation": record.installation, "nonce": nonce,
                                   "client_time": ISO8601DateFormatter().string(from: now), "counter": record.counter]
        if let grant = record.grant { said["last_grant"] = grant.grant }
        said.merge(proofs) { _, new in new }
        return try JSONSerialization.data(withJSONObject: said)
    }

    /// Takes an answer in: signature, ask and order are checked before a word of it is believed.
    func take(answer: String, keys: Data, now: Date) throws -> Verdict {
        let claims = try Self.verified(answer, keys)
        let mine = claims.nonce == nonce && claims.bundle_id == bundleID && claims.installation == record.installation
        guard !nonce.isEmpty, mine, claims.iss == server.absoluteString else { throw Rejected.anotherAsk }
        if claims.allowed, let last = record.grant, claims.sequence <= last.sequence { throw Rejected.old }
        nonce = ""
        record.latest = max(record.latest, now, claims.issued_at)
        if claims.allowed {
            record.launchesLeft = claims.launches_left
            record.grant = claims
            try Keychain.save(record)
            return .open
        }
        try Keychain.save(record)
        return claims.erase ? .erase(claims.reason) : .closed(claims.reason)
    }

    /// A launch when the server cannot be reached: counted and kept before anything is shown.
    func launchOffline(now: Date) throws -> Verdict {
        record.counter += 1
        defer { try? Keychain.save(record) }
        guard let grant = record.grant else { return .closed("This app has to ask your organisation first. Connect to the Internet.") }
        if record.latest.timeIntervalSince(now) > grant.clock_tolerance_s {
            return .closed("The date or time of this device was turned back. Set it right, or connect to the Internet.")
        }
        record.latest = max(record.latest, now)
        if record.latest >= grant.offline_until { return .closed("This app was offline for too long. Connect to the Internet.") }
        guard let left = record.launchesLeft else { try Keychain.save(record); return .open }
        if left == 0 { return .closed("This app was opened too often while offline. Connect to the Internet.") }
        record.launchesLeft = left - 1
        try Keychain.save(record) // Throws, and so shows nothing, when it cannot be kept.
        return .open
    }

    /// After `.erase`: bring copies first, erase the data, then call this. The next ask begins anew.
    func forget() { Keychain.delete(); record = Record() }

    /// Asks over the network; `nil` when there was no answer, and the rules for offline hold.
    func launch(proofs: [String: String]) async throws -> Verdict {
        let nonce = Data((0..<24).map { _ in UInt8.random(in: .min ... .max) }).base64URL
        var request = URLRequest(url: server.appendingPathComponent("access/v1/grant"))
        request.httpMethod = "POST"
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.httpBody = try ask(now: Date(), nonce: nonce, proofs: proofs)
        guard let (body, response) = try? await URLSession.shared.data(for: request), (response as? HTTPURLResponse)?.statusCode == 200,
              let (keys, _) = try? await URLSession.shared.data(from: server.appendingPathComponent("access/v1/keys")),
              let verdict = try? take(answer: String(decoding: body, as: UTF8.self), keys: keys, now: Date())
        else { return try launchOffline(now: Date()) }
        return verdict
    }

    private static func verified(_ answer: String, _ keys: Data) throws -> Claims {
        let parts = answer.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let head = Data(base64URL: parts[0]), let payload = Data(base64URL: parts[1]), let raw = Data(base64URL: parts[2]),
              let header = try JSONSerialization.jsonObject(with: head) as? [String: Any], header["alg"] as? String == "ES256",
              header["typ"] as? String == "rollcall-grant+jws", header["crit"] == nil, let kid = header["kid"] as? String,
              let set = try JSONSerialization.jsonObject(with: keys) as? [String: [[String: String]]],
              let key = set["keys"]?.first(where: { $0["kid"] == kid }), key["kty"] == "EC", key["crv"] == "P-256",
              let x = Data(base64URL: key["x"] ?? ""), let y = Data(base64URL: key["y"] ?? ""),
              try P256.Signing.PublicKey(rawRepresentation: x + y)
                  .isValidSignature(P256.Signing.ECDSASignature(rawRepresentation: raw), for: Data("\(parts[0]).\(parts[1])".utf8))
        else { throw Rejected.signature }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { from in
            let text = try from.singleValueContainer().decode(String.self)
            let format = ISO8601DateFormatter()
            if let date = format.date(from: text) { return date }
            format.formatOptions.insert(.withFractionalSeconds)
            guard let date = format.date(from: text) else { throw Rejected.signature }
            return date
        }
        return try decoder.decode(Claims.self, from: payload)
    }
}
/// The record in the keychain, on this device only: in no backup and on no other device.
enum Keychain {
    private static let query: [CFString: Any] = [kSecClass: kSecClassGenericPassword, kSecAttrService: "RollcallAccess", kSecAttrAccount: "record"]
    static func load() -> Record? {
        var found: CFTypeRef?
        guard SecItemCopyMatching(query.merging([kSecReturnData: true]) { $1 } as CFDictionary, &found) == errSecSuccess else { return nil }
        return (found as? Data).flatMap { try? JSONDecoder().decode(Record.self, from: $0) }
    }
    static func save(_ record: Record) throws {
        let value: [CFString: Any] = [kSecValueData: try JSONEncoder().encode(record), kSecAttrAccessible: kSecAttrAccessibleWhenUnlockedThisDeviceOnly]
        var status = SecItemUpdate(query as CFDictionary, value as CFDictionary)
        if status == errSecItemNotFound { status = SecItemAdd(query.merging(value) { $1 } as CFDictionary, nil) }
        guard status == errSecSuccess else { throw NSError(domain: NSOSStatusErrorDomain, code: Int(status)) }
    }
    static func delete() { SecItemDelete(query as CFDictionary) }
}
extension Data {
    var base64URL: String {
        base64EncodedString().replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
    }
    init?(base64URL text: String) {
        let plain = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        self.init(base64Encoded: plain + String(repeating: "=", count: (4 - plain.count % 4) % 4))
    }
}
