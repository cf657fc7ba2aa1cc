func embedded() -> [UInt8] { PackageResources.manifest_sql }
