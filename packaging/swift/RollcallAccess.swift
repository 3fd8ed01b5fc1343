// A client for Rollcall's app access (/docs/access on your server). Not compiled or run by Rollcall's own build:
// its twin, call by call, is src/sim/access.rs, and that one is tested against every way to cheat.
// Needs iOS 15 or later, CryptoKit and nothing else. Put `server` and `token` ($ACCESS_TOKEN) into the managed configuration.
import CryptoKit
import Foundation
import Security

struct Claims: Codable {
    let iss, bundle_id, installation, nonce, grant, code, reason: String
    let sequence: Int, allowed, erase: Bool, launches_left: Int?, clock_tolerance_s: Double
    let issued_at, expires_at, offline_until: Date, copies_until: Date?
}
/// What is kept where no backup reaches it. `lastGrant` is shown with each ask; `grant` is the right to go on offline.
struct Record: Codable {
    var installation = UUID().uuidString, counter = 0, sequence = 0
    var lastGrant: String?, grant: Claims?, launchesLeft: Int?, erasing: Erasing?
    var latest = Date.distantPast, mustAsk = false
}
struct Erasing: Codable { let answer, reason: String }
enum Verdict { case open, closed(String), erased(String) }
enum Rejected: Error { case signature, anotherAsk, old }
final class RollcallAccess {
    let server: URL, bundleID: String, eraseData: (_ answer: String) throws -> Void
    private(set) var record: Record
    private var nonce = ""
    /// `eraseData` removes all data. Edits that were not brought yet may wait in an outbox that is never shown, with the
    /// answer under which they are brought until its `copies_until`. It may be called twice.
    init(server: URL, bundleID: String = Bundle.main.bundleIdentifier ?? "", eraseData: @escaping (_ answer: String) throws -> Void) {
        (self.server, self.bundleID, self.eraseData, record) = (server, bundleID, eraseData, Keychain.load() ?? Record())
    }
    /// What to send: the counter is kept before it goes out. `proofs` are "token", "email" and "password".
    func ask(now: Date, nonce: String, proofs: [String: String]) throws -> Data {
        record.counter += 1; self.nonce = nonce
        try Keychain.save(record)
        var said: [String: Any] = ["bundle_id": bundleID, "installation": record.installation, "nonce": nonce, "counter": record.counter]
        said["client_time"] = ISO8601DateFormatter().string(from: now)
        if let grant = record.lastGrant { said["last_grant"] = grant }
        said.merge(proofs) { _, new in new }
        return try JSONSerialization.data(withJSONObject: said)
    }
    /// Judges what came back: `status` is nil when nothing did. Only no answer, 408, 429 and 5xx lead to the rules for offline.
    func hear(status: Int?, answer: String, keys: Data, now: Date) throws -> Verdict {
        do { if status == 200 { return try take(answer: answer, keys: keys, now: now) } } catch is Rejected { return try launchOffline(now: now) }
        guard let status = status, ![408, 429].contains(status), status < 500 else { return try launchOffline(now: now) }
        record.mustAsk = true
        try Keychain.save(record)
        return .closed("Your organisation did not let this app in. Check what you typed, or ask whoever looks after the app.")
    }
    /// Takes an answer in: signature, ask and order are checked before a word of it is believed.
    func take(answer: String, keys: Data, now: Date) throws -> Verdict {
        guard let claims = try? Self.verified(answer, keys) else { throw Rejected.signature }
        let mine = claims.nonce == nonce && claims.bundle_id == bundleID && claims.installation == record.installation
        guard !nonce.isEmpty, mine, claims.iss == server.absoluteString else { throw Rejected.anotherAsk }
        if claims.allowed, claims.sequence <= record.sequence { throw Rejected.old }
        nonce = ""
        record.latest = max(record.latest, now, claims.issued_at)
        if claims.allowed { record.sequence = claims.sequence; record.lastGrant = claims.grant; record.mustAsk = false }
        // Refused, the right goes before anything else happens: from here on no launch offline opens the app.
        record.grant = claims.allowed ? claims : nil
        record.launchesLeft = claims.allowed ? claims.launches_left : nil
        if claims.erase { record.erasing = Erasing(answer: answer, reason: claims.reason) }
        try Keychain.save(record)
        return try resume() ?? (claims.allowed ? .open : .closed(claims.reason))
    }
    /// Erases what an answer told to, data first, then the record; what was cut short goes on at the next launch, online or not.
    func resume() throws -> Verdict? {
        guard let erasing = record.erasing else { return nil }
        try eraseData(erasing.answer)
        Keychain.delete(); record = Record()
        return .erased(erasing.reason)
    }
    /// A launch when the server cannot be reached: counted and kept before anything is shown; throws, and so shows nothing, when it cannot be kept.
    func launchOffline(now: Date) throws -> Verdict {
        if let erased = try resume() { return erased }
        record.counter += 1
        let verdict = offline(now)
        try Keychain.save(record)
        return verdict
    }
    private func offline(_ now: Date) -> Verdict {
        guard let grant = record.grant, !record.mustAsk else { return .closed("This app has to ask your organisation first. Connect to the Internet.") }
        if record.latest.timeIntervalSince(now) > grant.clock_tolerance_s {
            return .closed("The date or time of this device was turned back. Set it right, or connect to the Internet.")
        }
        record.latest = max(record.latest, now)
        if record.latest >= grant.offline_until { return .closed("This app was offline for too long. Connect to the Internet.") }
        guard let left = record.launchesLeft else { return .open }
        if left == 0 { return .closed("This app was opened too often while offline. Connect to the Internet.") }
        record.launchesLeft = left - 1
        return .open
    }
    /// Asks over the network. What it throws is to be treated as closed.
    func launch(proofs: [String: String]) async throws -> Verdict {
        if let erased = try resume() { return erased }
        let nonce = (0..<24).map { _ in String(format: "%02x", UInt8.random(in: .min ... .max)) }.joined()
        var request = URLRequest(url: server.appendingPathComponent("access/v1/grant")), keys = Data()
        request.httpMethod = "POST"
        request.httpBody = try ask(now: Date(), nonce: nonce, proofs: proofs)
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        let reply = try? await URLSession.shared.data(for: request)
        let status = (reply?.1 as? HTTPURLResponse)?.statusCode
        if status == 200, let known = try? await URLSession.shared.data(from: server.appendingPathComponent("access/v1/keys")) { keys = known.0 }
        return try hear(status: status, answer: String(decoding: reply?.0 ?? Data(), as: UTF8.self), keys: keys, now: Date())
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
            let text = try from.singleValueContainer().decode(String.self), format = ISO8601DateFormatter()
            if text.contains(".") { format.formatOptions.insert(.withFractionalSeconds) }
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
    init?(base64URL text: String) {
        let plain = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        self.init(base64Encoded: plain + String(repeating: "=", count: (4 - plain.count % 4) % 4))
    }
}
