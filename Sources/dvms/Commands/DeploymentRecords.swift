import Basis
import Deployer
import Foundation
import Settings

/// A fleet's file, for those who name one.
enum FleetFile {
    static func read(_ file: String) throws(OperatorFailure) -> FleetSettings {
        do {
            return try FleetSettings.read(file: file, contentsOf: FileText.read)
        } catch {
            throw OperatorFailure(.badInput, "\(file) cannot be used\n\(error)")
        }
    }
}

/// The records of deployments in a folder that was named, or in the usual one.
struct DeploymentRecords {
    private let path: String

    /// - Parameter path: nil: where the environment says.
    init(_ path: String?) {
        self.path = path ?? StateFolder.standardPath(environment: ProcessInfo.processInfo.environment)
    }

    func folder() throws(OperatorFailure) -> StateFolder {
        do {
            return try StateFolder(self.path)
        } catch {
            throw OperatorFailure(.badInput, error.description)
        }
    }

    /// Nil when nothing is recorded; then no file is made either.
    func record(of deployment: String) async throws(OperatorFailure) -> DeploymentRecord? {
        guard FileManager.default.fileExists(atPath: self.path) else { return nil }
        let folder = try self.folder()
        guard FileManager.default.fileExists(atPath: folder.database) else { return nil }
        do {
            return try await SQLiteStore(folder, time: SystemTimeSource()).load(deployment)
        } catch {
            throw OperatorFailure(.failed, error.description)
        }
    }
}
