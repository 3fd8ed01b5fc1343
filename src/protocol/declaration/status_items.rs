//! The status items that Apple's devices tell, by name (Device Management, status reports; systems up to 27).

/// Every one, in the order of the alphabet.
const NAMES: [&str; 62] = [
    "account.list.caldav",
    "account.list.carddav",
    "account.list.exchange",
    "account.list.google",
    "account.list.ldap",
    "account.list.mail.incoming",
    "account.list.mail.outgoing",
    "account.list.subscribed-calendar",
    "app.managed.list",
    "content-cache.info",
    "content-cache.parents",
    "content-cache.peers",
    "content-cache.status",
    "device.identifier.serial-number",
    "device.identifier.udid",
    "device.model.family",
    "device.model.identifier",
    "device.model.marketing-name",
    "device.model.number",
    "device.operating-system.build-version",
    "device.operating-system.family",
    "device.operating-system.marketing-name",
    "device.operating-system.supplemental.build-version",
    "device.operating-system.supplemental.extra-version",
    "device.operating-system.version",
    "device.power.battery-health",
    "device.system.health",
    "diskmanagement.filevault.enabled",
    "enhanced-logging.applecare-token",
    "enhanced-logging.status",
    "enhanced-logging.timestamp",
    "management.client-capabilities",
    "management.declarations",
    "mdm.app",
    "mdm.enrollment-type",
    "mdm.is-awaiting-configuration",
    "mdm.is-return-to-service",
    "mdm.is-shared-ipad",
    "mdm.push-magic",
    "mdm.push-token",
    "migration-assistant.report",
    "migration-assistant.state",
    "package.list",
    "passcode.is-compliant",
    "passcode.is-present",
    "screensharing.connection.group.unresolved-connection",
    "security.certificate.list",
    "security.lockdown-mode",
    "services.background-task",
    "softwareupdate.beta-enrollment",
    "softwareupdate.device-id",
    "softwareupdate.failure-reason",
    "softwareupdate.install-reason",
    "softwareupdate.install-state",
    "softwareupdate.pending-version",
    "test.array-value",
    "test.boolean-value",
    "test.dictionary-value",
    "test.error-value",
    "test.integer-value",
    "test.real-value",
    "test.string-value",
];

/// Whether some device tells it.
pub fn is_status_item(name: &str) -> bool {
    NAMES.binary_search(&name).is_ok()
}

/// The status items that a predicate asks for, each once, in its order.
pub fn asked_for(predicate: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for part in predicate.split("@status(").skip(1) {
        let name = part.split(')').next().unwrap_or_default().trim();
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_found_and_what_a_predicate_asks_for_is_named() {
        assert!(NAMES.iter().all(|name| is_status_item(name)), "they stand in order");
        assert!(!is_status_item("device.model.familly"));
        let predicate =
            "@status(device.model.family) == 'iPad' AND NOT (@status( test.string-value ) == 'x' OR @status(device.model.family) == 'Mac')";
        assert_eq!(asked_for(predicate), ["device.model.family", "test.string-value"]);
    }
}
