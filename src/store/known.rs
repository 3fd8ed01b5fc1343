//! What is known of devices, as rules ask for it: one query for one device or for all.

use crate::error::Result;
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::people::PersonRole;

/// A device in view that is enrolled or about to be, with what its row, its channel and its person tell.
#[derive(Debug, Clone)]
pub struct Known {
    /// The device.
    pub device_id: String,
    /// Its name.
    pub name: String,
    /// Its serial number.
    pub serial_number: Option<String>,
    /// Its family.
    pub platform: Platform,
    /// Its ProductName.
    pub product_name: String,
    /// The name of its model.
    pub model_name: String,
    /// The version of its system.
    pub os_version: String,
    /// Whether it is supervised.
    pub supervised: Option<bool>,
    /// How it is enrolled.
    pub enrollment: EnrollmentKind,
    /// What its person is, if they are active.
    pub role: Option<PersonRole>,
    /// Whether it has said which apps are installed.
    pub apps_known: bool,
}

/// What is known of one device, or of all by id. Devices that were deleted, left, were erased or retired are not known.
pub fn known(tx: &Tx, device_id: Option<&str>) -> Result<Vec<Known>> {
    let which = if device_id.is_some() { "devices.id = ?1 AND" } else { "?1 IS NULL AND" };
    tx.list(
        &format!(
            "SELECT devices.id, devices.name, devices.serial_number, devices.platform, devices.product_name, devices.model_name, devices.os_version,
                    devices.supervised, enrollments.kind, people.role,
                    EXISTS (SELECT 1 FROM inventory_ages WHERE enrollment_id = enrollments.id AND topic = 'InstalledApplicationList')
             FROM devices
             JOIN enrollments ON enrollments.id = (
                 SELECT id FROM enrollments WHERE device_id = devices.id AND parent_id IS NULL AND state IN ('authenticated', 'enrolled')
                 ORDER BY authenticated_at DESC LIMIT 1)
             LEFT JOIN people ON people.id = devices.person_id AND people.active
             WHERE {which} devices.deleted_at IS NULL ORDER BY devices.id"
        ),
        [device_id],
        |row| {
            Ok(Known {
                device_id: row.get(0)?,
                name: row.get(1)?,
                serial_number: row.get(2)?,
                platform: row.get(3)?,
                product_name: row.get(4)?,
                model_name: row.get(5)?,
                os_version: row.get(6)?,
                supervised: row.get(7)?,
                enrollment: row.get(8)?,
                role: row.get(9)?,
                apps_known: row.get(10)?,
            })
        },
    )
}

/// The classes of the active people of one device or of all: device and class, by device.
pub fn classes(tx: &Tx, device_id: Option<&str>) -> Result<Vec<(String, String)>> {
    let which = if device_id.is_some() { "devices.id = ?1 AND" } else { "?1 IS NULL AND" };
    tx.list(
        &format!(
            "SELECT devices.id, class_people.class_id FROM devices
             JOIN people ON people.id = devices.person_id AND people.active
             JOIN class_people ON class_people.person_id = people.id
             WHERE {which} devices.person_id IS NOT NULL ORDER BY devices.id"
        ),
        [device_id],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// On which of the devices, one or all, an app is installed. What is only managed and not on the device yet does not count.
pub fn with_app(tx: &Tx, identifier: &str, device_id: Option<&str>) -> Result<Vec<String>> {
    let which = if device_id.is_some() { "enrollments.device_id = ?2 AND" } else { "?2 IS NULL AND" };
    tx.list(
        &format!(
            "SELECT enrollments.device_id FROM enrollments CROSS JOIN installed_apps ON installed_apps.enrollment_id = enrollments.id AND identifier = ?1 COLLATE NOCASE
             WHERE {which} parent_id IS NULL AND (version <> '' OR short_version <> '' OR NOT managed)"
        ),
        (identifier, device_id),
        |row| row.get(0),
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Writes this many devices that are enrolled, half of them Macs, each with two apps, one of which every tenth lacks.
    pub(crate) fn fill_devices(tx: &Tx, count: u32) -> Result<()> {
        let numbers = format!("WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})");
        for statement in [
            "INSERT INTO devices (id, serial_number, name, product_name, model_name, os_version, platform, supervised, created_at)
             SELECT 'd' || n, 'TESTSN' || n, 'Device ' || n, CASE n % 2 WHEN 0 THEN 'iPad13,18' ELSE 'Mac14,2' END,
                    CASE n % 2 WHEN 0 THEN 'iPad' ELSE 'MacBook Air' END, (15 + n % 4) || '.1', CASE n % 2 WHEN 0 THEN 'ios' ELSE 'macos' END, n % 3 = 0, 1
             FROM numbers",
            "INSERT INTO enrollments (id, device_id, kind, nano_id, state, authenticated_at, created_at)
             SELECT 'e' || n, 'd' || n, 'device', 'UDID-' || n, 'enrolled', 1, 1 FROM numbers",
            "INSERT INTO installed_apps (enrollment_id, identifier, version) SELECT 'e' || n, 'com.example.mail', '1' FROM numbers",
            "INSERT INTO installed_apps (enrollment_id, identifier, version) SELECT 'e' || n, 'com.example.maths', '1' FROM numbers WHERE n % 10 > 0",
            "INSERT INTO inventory_ages (enrollment_id, topic, read_at) SELECT 'e' || n, 'InstalledApplicationList', 1 FROM numbers",
        ] {
            tx.execute(&format!("{numbers} {statement}"), [])?;
        }
        Ok(())
    }

    /// Which enrollments are to be planned for anew; they are not any more afterwards.
    pub(crate) fn take_planned(tx: &Tx) -> Result<Vec<String>> {
        let due = tx.list("SELECT enrollment_id FROM plans WHERE due_at IS NOT NULL ORDER BY enrollment_id", [], |row| row.get(0))?;
        tx.execute("UPDATE plans SET due_at = NULL", [])?;
        Ok(due)
    }
}
