-- How a device came in, and for which device a challenge was made where the device said so under Apple's signature.
ALTER TABLE challenges ADD COLUMN entry TEXT NOT NULL DEFAULT 'invitation' CHECK (entry IN ('invitation', 'automated', 'configurator', 'account', 'profile_service'));
ALTER TABLE challenges ADD COLUMN serial_number TEXT;
ALTER TABLE challenges ADD COLUMN udid TEXT;
ALTER TABLE enrollments ADD COLUMN entry TEXT NOT NULL DEFAULT 'invitation' CHECK (entry IN ('invitation', 'automated', 'configurator', 'account', 'profile_service'));
