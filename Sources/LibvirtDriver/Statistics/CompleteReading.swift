#if Libvirt
    import CLibvirt

    /// How the readings of a host's domains become one.
    ///
    /// A guest that a sample leaves out is taken for absent, and may then be started a second time elsewhere: a reading has
    /// every domain, or there is none.
    package enum CompleteReading {
        /// The readings of all domains but those that ended while they were looked at.
        ///
        /// - Parameters:
        ///   - count: How many domains the host has, 0 or more.
        ///   - limit: How many are read at the most.
        ///   - read: Reads the domain of an index; nil for one that no agent is told of.
        /// - Throws: that there are more than `limit`, or what `read` says of a domain that has not ended.
        package static func ofDomains<Reading>(
            _ count: Int, limit: Int, _ read: (Int) throws(LibvirtCallError) -> Reading?
        ) throws(LibvirtCallError) -> [Reading] {
            guard count <= limit else {
                throw LibvirtCallError(
                    code: VIR_ERR_OPERATION_UNSUPPORTED.rawValue,
                    message: "\(count) domains are here, more than the \(limit) that are read")
            }
            var readings: [Reading] = []
            for index in 0..<count {
                do throws(LibvirtCallError) {
                    if let reading = try read(index) { readings.append(reading) }
                } catch {
                    guard error.isOne(of: VIR_ERR_NO_DOMAIN) else { throw error }
                }
            }
            return readings
        }
    }
#endif
